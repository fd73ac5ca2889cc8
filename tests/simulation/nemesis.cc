#include "tests/simulation/nemesis.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/simulation/application.h"
#include "tests/simulation/balancer.h"
#include "tests/simulation/processor.h"
#include "tests/simulation/store.h"
#include "tests/simulation/workers.h"
#include "tests/simulation/world.h"

namespace msgproc::simulation {

Nemesis::Nemesis(World* world) : world_(world), random_(world->random.Fork()) {
  const Conditions::Faults& faults = world_->conditions.faults;
  Repeat(faults.resets, [this] { ResetACall(); });
  Repeat(faults.kills, [this] { KillAProcessor(); });
  Repeat(faults.drains, [this] { StopAProcessor(); });
  Repeat(faults.freezes, [this] { FreezeAProcessor(); });
  Repeat(faults.partitions, [this] { PartitionSomebody(); });
  Repeat(faults.balancer_kills, [this] { KillABalancer(); });
  if (world_->conditions.workers) {
    Repeat(faults.worker_deaths, [this] { TroubleWorkers(); });
  }
  Repeat(faults.client_crashes, [this] { CrashAClient(); });
  Repeat(faults.slow_readers, [this] { SlowAClientDown(); });
  Repeat(faults.relay_kills, [this] { StopTheRelay(); });
  if (world_->store != nullptr) {
    Repeat(faults.store_errors, [this] { world_->store->Trouble(); });
    Repeat(faults.store_losses / 2, [this] { world_->store->MakeBackup(); });
    Repeat(faults.store_losses, [this] { LoseTheStore(); });
    Repeat(faults.clock_steps, [this] { SetTheClock(); });
  }
  world_->loop.After(world_->conditions.trouble, [this] { EndTrouble(); });
}

void Nemesis::Repeat(absl::Duration mean, std::function<void()> fault) {
  if (mean == absl::InfiniteDuration()) return;
  world_->loop.After(random_.About(mean),
                     [this, mean, fault = std::move(fault)]() mutable {
                       if (over_) return;
                       fault();
                       Repeat(mean, std::move(fault));
                     });
}

void Nemesis::EndTrouble() {
  world_->story.Tell("", "the trouble is over");
  over_ = true;
  world_->network.UnblockAll();
  if (world_->store != nullptr) world_->store->EndTrouble();
  for (const auto& balancer : world_->balancers) {
    if (!balancer->host()->alive()) balancer->Start();
  }
  for (const auto& processor : world_->processors) {
    if (processor->host()->frozen()) processor->Thaw();
    if (!processor->host()->alive()) processor->Start();
  }
  for (const auto& client : world_->clients) {
    if (!client->host()->alive() && !client->done()) client->Start();
  }
  // Those that are being stopped end first.
  for (size_t i = 0; i < world_->processors.size(); ++i) {
    if (world_->processors[i]->stopping()) RestartSoon(i);
  }
}

void Nemesis::ResetACall() {
  const auto& processors = world_->processors;
  Call* const call =
      processors[random_.Below(processors.size())]->AnyCall(&random_);
  if (call == nullptr) return;
  world_->story.Tell("", "a connection is reset");
  if (random_.OneIn(3)) {
    // One end does not hear of it.
    call->Break(random_.OneIn(2) ? Call::kClient : Call::kServer,
                world_->network.Latency());
  } else {
    call->Reset();
  }
}

void Nemesis::RestartSoon(size_t processor) {
  world_->loop.After(random_.About(absl::Milliseconds(300)), [this, processor] {
    Processor* const down = world_->processors[processor].get();
    if (down->host()->alive() && down->stopping()) {
      return RestartSoon(processor);
    }
    if (!down->host()->alive()) down->Start();
  });
}

void Nemesis::KillAProcessor() {
  const size_t index = random_.Below(world_->processors.size());
  Processor* const victim = world_->processors[index].get();
  if (!victim->host()->alive()) return;
  victim->Kill(/*silently=*/random_.OneIn(4));
  RestartSoon(index);
}

void Nemesis::StopAProcessor() {
  const size_t index = random_.Below(world_->processors.size());
  Processor* const victim = world_->processors[index].get();
  if (!victim->host()->alive() || victim->host()->frozen() ||
      victim->stopping()) {
    return;
  }
  victim->Stop();
  RestartSoon(index);
}

void Nemesis::FreezeAProcessor() {
  const size_t index = random_.Below(world_->processors.size());
  Processor* const victim = world_->processors[index].get();
  if (!victim->host()->alive() || victim->host()->frozen()) return;
  victim->Freeze();
  world_->loop.After(random_.About(absl::Seconds(4)), [victim] {
    if (victim->host()->frozen()) victim->Thaw();
  });
}

void Nemesis::PartitionSomebody() {
  std::string name;
  switch (random_.Below(3)) {
    case 0:
      name = Application::NameOf(
          static_cast<int>(random_.Below(world_->clients.size())));
      break;
    case 1:
      name =
          world_->processors[random_.Below(world_->processors.size())]->name();
      break;
    default:
      name = world_->balancers[random_.Below(world_->balancers.size())]->name();
  }
  const uint64_t direction = random_.Below(3);
  world_->story.Tell(name, "is cut off",
                     direction == 0   ? ""
                     : direction == 1 ? ", and hears"
                                      : ", and is heard");
  if (direction != 1) world_->network.Block("", name);
  if (direction != 2) world_->network.Block(name, "");
  world_->loop.After(random_.About(absl::Seconds(3)), [this, name] {
    world_->network.Unblock("", name);
    world_->network.Unblock(name, "");
  });
}

void Nemesis::KillABalancer() {
  Balancer* const victim =
      world_->balancers[random_.Below(world_->balancers.size())].get();
  if (!victim->host()->alive()) return;
  victim->Kill();
  world_->loop.After(random_.About(absl::Seconds(1)), [victim] {
    if (!victim->host()->alive()) victim->Start();
  });
}

void Nemesis::TroubleWorkers() {
  const auto& processors = world_->processors;
  Processor* const victim = processors[random_.Below(processors.size())].get();
  if (!victim->host()->alive() || victim->host()->frozen()) return;
  switch (random_.Below(4)) {
    case 0:
      victim->workers()->HangOne(&random_);
      break;
    case 1:
      victim->workers()->Replace();
      break;
    default:
      victim->workers()->KillOne(&random_);
  }
}

void Nemesis::SlowAClientDown() {
  // Not the last one, which shows what becomes of the others.
  const size_t some = std::max<size_t>(1, world_->clients.size() - 1);
  Application* const victim = world_->clients[random_.Below(some)].get();
  if (!victim->host()->alive() || victim->done()) return;
  const absl::Time until = world_->loop.now() + random_.About(absl::Seconds(5));
  random_.OneIn(2) ? victim->StallUntil(until) : victim->SlowDownUntil(until);
}

void Nemesis::StopTheRelay() {
  world_->story.Tell("the relay", "is stopped");
  for (const auto& processor : world_->processors) processor->ResetCalls();
}

void Nemesis::SetTheClock() {
  const absl::Duration by = random_.UpTo(world_->conditions.retention / 2);
  world_->store->StepClock(random_.OneIn(2) ? by : -by);
}

void Nemesis::CrashAClient() {
  Application* const victim =
      world_->clients[random_.Below(world_->clients.size())].get();
  if (!victim->host()->alive() || victim->done()) return;
  if (random_.OneIn(4)) return victim->FailOutbox();
  victim->Crash(/*silently=*/random_.OneIn(3));
  if (victim->done()) return;
  absl::Duration away = absl::Milliseconds(500);
  // Its session may be forgotten meanwhile.
  const absl::Duration retention = world_->conditions.retention;
  if (retention != absl::InfiniteDuration() && random_.OneIn(3)) {
    away = 2 * retention;
  }
  world_->loop.After(random_.About(away), [victim] {
    if (!victim->host()->alive()) victim->Start();
  });
}

void Nemesis::LoseTheStore() {
  const bool anew = random_.OneIn(2);
  const bool emptied = random_.OneIn(3);
  // As docs/durability.md tells to restore a backup: nobody is there then.
  for (size_t i = 0; anew && i < world_->processors.size(); ++i) {
    Processor* const processor = world_->processors[i].get();
    if (!processor->host()->alive()) continue;
    processor->Kill(/*silently=*/false);
    RestartSoon(i);
  }
  world_->store->Lose(emptied, anew);
}

}  // namespace msgproc::simulation
