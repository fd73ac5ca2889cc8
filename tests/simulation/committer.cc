#include "tests/simulation/committer.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "common/clock.h"

namespace msgproc::simulation {

using processor::CommitQueue;
using processor::GroupMember;

namespace {

constexpr absl::Duration kThread = absl::Microseconds(5);
constexpr absl::Duration kUpkeep = absl::Seconds(1);
// Longer than any run.
constexpr absl::Duration kTombstones = absl::Hours(1);
constexpr size_t kGroupBytes = 1 << 20;

}  // namespace

Committer::Committer(Host* host, Store* store, const std::string& owner,
                     absl::Duration retention)
    : host_(host),
      retention_(retention),
      store_(store->Open(owner,
                         [this](absl::Duration time) { return Wait(time); })),
      queue_({.max_groups = store_->max_connections(), .max_sessions = 2}) {
  for (int i = 0; i < store_->max_connections(); ++i) {
    Worker* const worker =
        workers_.emplace_back(std::make_unique<Worker>()).get();
    worker->store = std::make_unique<processor::StoreWorker>(
        store_.get(), &dead_, &counters_, &contention_,
        [this, worker](const absl::Status&) { BackOff(worker); });
    worker->fiber = std::make_unique<Fiber>([this, worker] { Work(worker); });
    worker->fiber->Resume();
  }
  if (retention != absl::InfiniteDuration()) KeepHouseRegularly();
}

void Committer::KeepHouseRegularly() {
  upkeep_ = true;
  Wake();
  host_->After(kUpkeep, [this] { KeepHouseRegularly(); });
}

absl::Time Committer::Now() const { return Clock::Monotonic()->Now(); }

void Committer::ClaimSession(processor::Claim claim, OnClaimed done) {
  queue_.AddClaim({std::move(claim), std::move(done)});
  Wake();
}

void Committer::OnReady(Key key,
                        std::shared_ptr<processor::CommitSource> source,
                        const processor::GroupCommit::Load& more) {
  if (dead_) return;
  queue_.OnReady(key, std::move(source), more, Now());
  Wake();
}

void Committer::Submit(Key key, std::shared_ptr<processor::CommitSource> source,
                       std::unique_ptr<processor::Batch> work) {
  if (dead_) return;
  queue_.Submit(key, std::move(source), std::move(work), Now());
  Wake();
}

void Committer::Wake() {
  for (const auto& worker : workers_) {
    if (!std::exchange(worker->idle, false)) continue;
    host_->After(kThread, [fiber = worker->fiber.get()] { fiber->Resume(); });
    return;
  }
}

bool Committer::Wait(absl::Duration time) {
  if (dead_) return false;
  Fiber* const fiber = Fiber::Current();
  host_->After(time, [fiber] { fiber->Resume(); });
  fiber->Suspend();
  return !dead_;
}

void Committer::Die() {
  if (dead_.exchange(true)) return;
  // They run to their ends, without effect.
  for (const auto& worker : workers_) worker->fiber->Resume();
  queue_.TakeAll();
}

void Committer::Work(Worker* worker) {
  while (!dead_) {
    CommitQueue::Task task = queue_.NextTask();
    const bool upkeep = std::exchange(upkeep_, false);
    if (task.empty() && !upkeep) {
      worker->idle = true;
      worker->fiber->Suspend();
      continue;
    }
    if (queue_.HasTask()) Wake();
    if (!task.claims.empty()) MakeClaims(worker, std::move(task.claims));
    if (upkeep && !dead_ &&
        !worker->store->KeepHouse(retention_, kTombstones).ok()) {
      BackOff(worker);
    }
    if (!task.group.empty()) CommitGroup(worker, std::move(task));
  }
}

void Committer::BackOff(Worker* worker) {
  worker->backoff =
      std::clamp(worker->backoff * 2, absl::Milliseconds(10), absl::Seconds(1));
  Wait(worker->backoff);
}

void Committer::MakeClaims(Worker* worker,
                           std::vector<CommitQueue::WaitingClaim> claims) {
  std::vector<processor::Claim> asked;
  for (const CommitQueue::WaitingClaim& claim : claims) {
    asked.push_back(claim.claim);
  }
  auto made = worker->store->Claim(asked);
  if (dead_) return;
  if (made.ok()) worker->backoff = absl::ZeroDuration();
  for (size_t i = 0; i < claims.size(); ++i) {
    if (made.ok()) {
      claims[i].done(std::move((*made)[i]));
    } else {
      claims[i].done(
          absl::UnavailableError("The session store cannot be reached."));
    }
  }
  if (!made.ok()) BackOff(worker);
}

void Committer::CommitGroup(Worker* worker, CommitQueue::Task task) {
  std::vector<GroupMember> members = Gather(&task, kGroupBytes);
  absl::Status status;
  if (!members.empty()) {
    status = worker->store->Commit(&members);
    if (dead_) return;
    if (status.ok()) worker->backoff = absl::ZeroDuration();
    TellMembers(&members, &counters_);
  }
  const auto gone = queue_.OnDone(task.group, std::move(members), Now());
  if (!status.ok()) BackOff(worker);
}

}  // namespace msgproc::simulation
