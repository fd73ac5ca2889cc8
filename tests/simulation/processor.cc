#include "tests/simulation/processor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "services/balancer/server_report.h"
#include "services/processor/executors/inline_executor.h"
#include "services/processor/stream/processor_context.h"
#include "tests/simulation/balancer.h"
#include "tests/simulation/committer.h"
#include "tests/simulation/handler.h"
#include "tests/simulation/stream.h"
#include "tests/simulation/workers.h"
#include "tests/simulation/world.h"

namespace msgproc::simulation {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(500);
constexpr absl::Duration kReport = absl::Seconds(1);
constexpr absl::Duration kGrace = absl::Seconds(5);
constexpr absl::Duration kLastWords = absl::Milliseconds(100);

processor::ProcessorContext::Options ContextOptions(
    const std::string& name, const World& world,
    processor::SessionCommitter* committer) {
  processor::ProcessorContext::Options options;
  options.server_id = name;
  options.default_handler = "simulated";
  options.heartbeat_interval = absl::Seconds(2);
  options.sessions.session_ttl = absl::Seconds(20);
  options.sessions.limits.max_batch_messages = 64;
  options.sessions.limits.max_outstanding_messages = world.conditions.window;
  if (world.conditions.large) {
    options.sessions.memory_budget = kLargeBudget;
  } else {
    options.sessions.memory_budget = 0;
    options.sessions.limits.max_result_bytes =
        world.conditions.MaxResultBytes();
  }
  options.sessions.committer = committer;
  options.clock = world.loop.clock();
  return options;
}

}  // namespace

// What lives and dies with the process.
struct Processor::Process {
  Process(const std::string& name, World* world, Host* host, Random random)
      : handler(name, &world->checker),
        slow(host, world->conditions, random),
        committer(world->store == nullptr
                      ? nullptr
                      : std::make_unique<Committer>(
                            host, world->store.get(),
                            absl::StrCat(name, "-", random.Next()),
                            world->conditions.retention)),
        workers(
            world->conditions.workers
                ? std::make_unique<Workers>(world, host, name, random.Fork())
                : nullptr),
        transactions(committer.get(), world->conditions),
        context(ContextOptions(name, *world, committer.get())) {
    auto binding = std::make_unique<processor::HandlerBinding>();
    binding->name = "simulated";
    binding->handler = &handler;
    binding->max_payload_bytes = 1 << 14;
    binding->traits.transactional = world->conditions.transactional;
    binding->executor = ExecutorFor(world->conditions, &random);
    context.Bind(std::move(binding));
  }
  ~Process() {
    if (committer != nullptr) committer->Die();
    slow.Drop();
    if (workers != nullptr) workers->Drop();
  }

  processor::Executor* ExecutorFor(const Conditions& conditions,
                                   Random* random) {
    if (conditions.transactional) return &transactions;
    if (workers != nullptr) return workers.get();
    if (random->OneIn(3) && !conditions.large) return &at_once;
    return &slow;
  }

  Handler handler;
  processor::InlineExecutor at_once;
  SlowExecutor slow;
  const std::unique_ptr<Committer> committer;
  const std::unique_ptr<Workers> workers;
  TransactionExecutor transactions;
  processor::ProcessorContext context;
  std::vector<std::shared_ptr<Stream>> streams;
};

Processor::Processor(World* world, std::string name)
    : world_(world),
      name_(std::move(name)),
      random_(world->random.Fork()),
      host_(&world->loop),
      links_(static_cast<size_t>(world->conditions.balancers)) {
  Start();
}

Processor::~Processor() {
  if (host_.alive()) Kill(/*silently=*/true);
}

void Processor::Start() {
  world_->story.Tell(name_, "starts");
  host_.Start();
  stopping_ = false;
  listens_ = true;
  process_ = std::make_unique<Process>(name_, world_, &host_, random_.Fork());
  Tick();
  ReportRegularly();
}

void Processor::Kill(bool silently) {
  world_->story.Tell(name_, silently ? "vanishes" : "is killed");
  if (!silently) Unregister(/*in_order=*/false);
  for (Link& link : links_) link.registration.reset();
  host_.Die();
  if (process_->committer != nullptr) process_->committer->Die();
  for (const auto& stream : process_->streams) stream->Die(silently);
  process_ = nullptr;
  world_->fleet_checker.OnServerGone(name_);
}

void Processor::Freeze() {
  world_->story.Tell(name_, "is frozen");
  host_.Freeze();
}

void Processor::Thaw() {
  world_->story.Tell(name_, "thaws");
  host_.Thaw();
}

void Processor::Accept(const std::shared_ptr<Call>& call) {
  if (!listens()) return call->Break(Call::kClient, world_->network.Latency());
  Stream::Owner owner;
  owner.context = &process_->context;
  owner.host = &host_;
  owner.checker = &world_->checker;
  owner.claim = [this](processor::Claim claim, std::shared_ptr<Stream> stream) {
    process_->committer->ClaimSession(
        std::move(claim),
        [stream = std::move(stream)](
            const absl::StatusOr<processor::Claimed>& claimed) {
          stream->OnClaimed(claimed);
        });
  };
  owner.on_done = [this](Stream* stream) {
    auto& streams = process_->streams;
    streams.erase(std::find_if(
        streams.begin(), streams.end(),
        [stream](const auto& one) { return one.get() == stream; }));
  };
  auto stream = std::make_shared<Stream>(
      std::move(owner), call, random_.Fork(),
      absl::Seconds(2) + random_.UpTo(absl::Seconds(20)));
  process_->streams.push_back(stream);
  stream->Start();
}

void Processor::Tick() {
  const auto streams = process_->streams;
  for (const auto& stream : streams) stream->Tick();
  process_->context.sessions()->Sweep();
  host_.After(kTick, [this] { Tick(); });
}

void Processor::ReportRegularly() {
  for (size_t i = 0; i < links_.size(); ++i) Report(i);
  host_.After(kReport, [this] { ReportRegularly(); });
}

void Processor::Report(size_t index) {
  const std::string& balancer = world_->balancers[index]->name();
  if (world_->network.Blocked(name_, balancer) ||
      world_->network.Blocked(balancer, name_)) {
    return;
  }
  host_.After(world_->network.Latency(), [this, index] { OnReport(index); });
}

void Processor::OnReport(size_t index) {
  Balancer* const balancer = world_->balancers[index].get();
  Link& link = links_[index];
  if (!balancer->host()->alive()) return link.registration.reset();
  balancer::ServerReport report;
  report.server_id = name_;
  report.address = name_;
  report.draining = stopping_;
  report.load.sessions = process_->streams.size();
  if (link.registration.has_value() && link.life == balancer->life()) {
    auto orders = balancer->Report(*link.registration, report);
    if (!orders.ok()) return link.registration.reset();
    // Only the first one's are obeyed.
    if (index > 0 || stopping_) return;
    for (const balancer::MoveOrder& order : *orders) {
      Move(order.sessions, order.to_address);
    }
    return;
  }
  auto registered = balancer->Register(report, [] {});
  if (!registered.ok()) return;
  link.registration = *std::move(registered);
  link.life = balancer->life();
}

void Processor::Unregister(bool in_order) {
  for (size_t i = 0; i < links_.size(); ++i) {
    Link& link = links_[i];
    Balancer* const balancer = world_->balancers[i].get();
    const bool there = link.registration.has_value() &&
                       balancer->host()->alive() &&
                       link.life == balancer->life() &&
                       !world_->network.Blocked(name_, balancer->name());
    if (there) {
      world_->loop.After(
          world_->network.Latency(),
          [balancer, in_order, life = link.life, gone = *link.registration] {
            if (balancer->host()->alive() && balancer->life() == life) {
              balancer->Leave(gone, in_order);
            }
          });
    }
    link.registration.reset();
  }
}

void Processor::Move(size_t sessions, const std::string& address) {
  for (const auto& stream : process_->streams) {
    if (sessions == 0) return;
    if (stream->CanMove() &&
        stream->Drain(v1::Drain::REASON_REBALANCE, address, kGrace)) {
      --sessions;
    }
  }
}

void Processor::Stop() {
  MSGPROC_CHECK(!stopping_);
  world_->story.Tell(name_, "is stopped");
  stopping_ = true;
  for (size_t i = 0; i < links_.size(); ++i) Report(i);
  host_.After(2 * world_->network.Latency(), [this] {
    listens_ = false;
    world_->fleet_checker.OnServerGone(name_);
    for (const auto& stream : process_->streams) {
      stream->Drain(v1::Drain::REASON_SHUTDOWN, "", kGrace);
    }
    AwaitDrained(world_->loop.now() + kGrace);
  });
}

void Processor::AwaitDrained(absl::Time deadline) {
  if (process_->streams.empty()) return End();
  if (world_->loop.now() < deadline) {
    host_.After(absl::Milliseconds(10),
                [this, deadline] { AwaitDrained(deadline); });
    return;
  }
  const auto streams = process_->streams;
  for (const auto& stream : streams) {
    stream->Stop("The server stops and its drain timeout is over.");
  }
  host_.After(kLastWords, [this] { End(); });
}

void Processor::End() {
  world_->story.Tell(name_, "ends");
  Unregister(/*in_order=*/true);
  host_.Die();
  if (process_->committer != nullptr) process_->committer->Die();
  for (const auto& stream : process_->streams) stream->Die(false);
  process_ = nullptr;
  world_->fleet_checker.OnServerGone(name_);
}

Workers* Processor::workers() const { return process_->workers.get(); }

void Processor::ResetCalls() {
  if (process_ == nullptr) return;
  for (const auto& stream : process_->streams) stream->call()->Reset();
}

Call* Processor::AnyCall(Random* random) const {
  if (process_ == nullptr || process_->streams.empty()) return nullptr;
  return process_->streams[random->Below(process_->streams.size())]->call();
}

}  // namespace msgproc::simulation
