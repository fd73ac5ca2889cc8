#include "services/processor/store/store_committer.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "common/check.h"
#include "common/clock.h"
#include "common/quoted.h"
#include "services/base/log.h"

namespace msgproc::processor {
namespace {

constexpr absl::Duration kFirstBackoff = absl::Milliseconds(10);

absl::Time Now() { return Clock::Monotonic()->Now(); }

absl::Status CannotBeReached() {
  return absl::UnavailableError("The session store cannot be reached.");
}

}  // namespace

StoreCommitter::StoreCommitter(std::unique_ptr<SessionStore> store,
                               const Options& options)
    : store_(std::move(store)), options_(options), queue_([&] {
        GroupCommit::Options groups = options.groups;
        groups.max_groups = store_->max_connections();
        return groups;
      }()) {
  {
    MutexLock lock(&mutex_);
    working_ = store_->max_connections();
  }
  for (int i = 0; i < store_->max_connections(); ++i) {
    Worker* const worker =
        workers_.emplace_back(std::make_unique<Worker>()).get();
    worker->store = std::make_unique<StoreWorker>(
        store_.get(), &stopping_, &counters_, &contention_,
        [this, worker](const absl::Status& status) {
          BackOff(worker, status);
          RefuseClaims();
        });
    worker->thread = std::thread([this, worker] { Work(worker); });
  }
}

void StoreCommitter::ClaimSession(Claim claim, OnClaimed done) {
  {
    MutexLock lock(&mutex_);
    if (!stopping_) {
      queue_.AddClaim({std::move(claim), std::move(done)});
      done = nullptr;
    }
  }
  if (done != nullptr) return done(absl::UnavailableError("The server stops."));
  wake_.Signal();
}

void StoreCommitter::OnReady(Key key, std::shared_ptr<CommitSource> source,
                             const GroupCommit::Load& more) {
  {
    MutexLock lock(&mutex_);
    if (stopping_) return;
    queue_.OnReady(key, std::move(source), more, Now());
  }
  wake_.Signal();
}

void StoreCommitter::Submit(Key key, std::shared_ptr<CommitSource> source,
                            std::unique_ptr<Batch> work) {
  // Dropped without the lock: it holds its session.
  std::unique_ptr<Batch> dropped;
  {
    MutexLock lock(&mutex_);
    if (stopping_) {
      dropped = std::move(work);
      return;
    }
    queue_.Submit(key, std::move(source), std::move(work), Now());
  }
  wake_.Signal();
}

absl::Status StoreCommitter::Health() {
  MutexLock lock(&mutex_);
  return health_;
}

StoreCommitter::Waiting StoreCommitter::waiting() {
  MutexLock lock(&mutex_);
  const GroupCommit& groups = queue_.groups();
  return {.sessions = groups.waiting(),
          .longest = std::max(absl::ZeroDuration(), Now() - groups.oldest())};
}

void StoreCommitter::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  wake_.SignalAll();
  stopped_.SignalAll();
  if (!AwaitWorkers()) {
    base::LogWarning(
        "the store does not answer: what it was asked last is not "
        "known here",
        {{"store", store_->description()}});
    store_->Interrupt();
  }
  for (const auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
  }
  // Let go of without the lock: they hold sessions.
  CommitQueue::Contents left;
  {
    MutexLock lock(&mutex_);
    left = queue_.TakeAll();
  }
  for (CommitQueue::WaitingClaim& claim : left.claims) {
    claim.done(absl::UnavailableError("The server stops."));
  }
}

bool StoreCommitter::AwaitWorkers() {
  MutexLock lock(&mutex_);
  const absl::Time until = Now() + options_.last_answer;
  while (working_ > 0 && Now() < until) {
    stopped_.WaitFor(&mutex_, until - Now());
  }
  return working_ == 0;
}

void StoreCommitter::SetHealth(const absl::Status& status) {
  bool changed = false;
  {
    MutexLock lock(&mutex_);
    changed = health_.ok() != status.ok();
    health_ = status;
  }
  if (!changed) return;
  if (status.ok()) {
    base::LogInfo("store works again", {{"store", store_->description()}});
  } else {
    base::LogError(
        "store fails: results are held back until it works again",
        {{"store", store_->description()}, {"why", status.ToString()}});
  }
}

void StoreCommitter::OnSuccess(Worker* worker) {
  worker->backoff = absl::ZeroDuration();
  SetHealth(absl::OkStatus());
}

void StoreCommitter::OnSuccessBesides(Worker* worker) {
  {
    MutexLock lock(&mutex_);
    // On a full disk it can be done, and commits cannot: while they wait, one
    // of them is to say that the store works again.
    const GroupCommit& groups = queue_.groups();
    if (groups.waiting() > 0 || groups.groups_in_flight() > 0) return;
  }
  OnSuccess(worker);
}

void StoreCommitter::Work(Worker* worker) {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    CommitQueue::Task task = queue_.NextTask();
    const bool upkeep = Now() >= next_upkeep_;
    if (upkeep) next_upkeep_ = Now() + options_.upkeep_interval;
    if (task.empty() && !upkeep) {
      wake_.WaitFor(&mutex_,
                    std::max(absl::Milliseconds(1), next_upkeep_ - Now()));
      continue;
    }
    // What is left is for another one.
    if (queue_.HasTask()) wake_.Signal();
    lock.Unlock();
    if (!task.claims.empty()) MakeClaims(worker, std::move(task.claims));
    if (upkeep) KeepHouse(worker);
    if (!task.group.empty()) CommitGroup(worker, std::move(task));
    lock.Relock();
  }
  --working_;
  stopped_.SignalAll();
}

void StoreCommitter::BackOff(Worker* worker, const absl::Status& status) {
  if (absl::IsCancelled(status)) return;
  counters_.Retry(StoreRetryOf(status));
  SetHealth(status);
  worker->backoff = std::clamp(worker->backoff * 2, kFirstBackoff,
                               std::max(kFirstBackoff, options_.max_backoff));
  MutexLock lock(&mutex_);
  const absl::Time until = Now() + worker->backoff;
  while (!stopping_ && Now() < until) stopped_.WaitFor(&mutex_, until - Now());
}

void StoreCommitter::MakeClaims(Worker* worker,
                                std::vector<CommitQueue::WaitingClaim> claims) {
  std::vector<Claim> asked;
  asked.reserve(claims.size());
  for (const CommitQueue::WaitingClaim& claim : claims)
    asked.push_back(claim.claim);
  absl::StatusOr<std::vector<Claimed>> made = worker->store->Claim(asked);
  if (made.ok()) {
    OnSuccessBesides(worker);
    for (size_t i = 0; i < claims.size(); ++i) {
      claims[i].done(std::move((*made)[i]));
    }
    return;
  }
  // Whatever it is, it is the store's, and the clients come again.
  std::vector<CommitQueue::WaitingClaim> refused;
  {
    MutexLock lock(&mutex_);
    for (CommitQueue::WaitingClaim& claim : claims) {
      claim.claim.anew ? queue_.AddClaim(std::move(claim))
                       : refused.push_back(std::move(claim));
    }
  }
  for (CommitQueue::WaitingClaim& claim : refused) {
    claim.done(CannotBeReached());
  }
  BackOff(worker, made.status());
}

void StoreCommitter::RefuseClaims() {
  std::deque<CommitQueue::WaitingClaim> claims;
  {
    MutexLock lock(&mutex_);
    claims = queue_.TakeClaims();
  }
  for (CommitQueue::WaitingClaim& claim : claims) claim.done(CannotBeReached());
}

void StoreCommitter::CommitGroup(Worker* worker, CommitQueue::Task task) {
  std::vector<GroupMember> members = Gather(&task, options_.groups.max_bytes);
  absl::Status status;
  if (!members.empty()) {
    const absl::Time begin = Now();
    status = worker->store->Commit(&members);
    if (status.ok()) {
      uint64_t messages = 0;
      for (const GroupMember& member : members) {
        const SessionWrite& write = member.part.write;
        if (write.has_results()) messages += write.through - write.first + 1;
      }
      counters_.commit_seconds.Observe(absl::ToDoubleSeconds(Now() - begin));
      counters_.group_sessions.Observe(static_cast<double>(members.size()));
      counters_.group_messages.Observe(static_cast<double>(messages));
      OnSuccess(worker);
    }
    TellMembers(&members, &counters_);
  }
  // Let go of without the lock: they hold sessions.
  std::vector<CommitQueue::Source> gone;
  {
    MutexLock lock(&mutex_);
    gone = queue_.OnDone(task.group, std::move(members), Now());
  }
  if (!status.ok()) BackOff(worker, status);
}

void StoreCommitter::KeepHouse(Worker* worker) {
  const absl::Status status = worker->store->KeepHouse(
      options_.session_retention, options_.tombstone_retention);
  if (status.ok()) {
    OnSuccessBesides(worker);
  } else if (!absl::IsAborted(status)) {
    // A conflict is nobody's business here.
    BackOff(worker, status);
  }
}

StateDump StoreCommitter::Dump(absl::Time now) const {
  return StateDump(
      "processor::StoreCommitter",
      {{"generation", Quoted(store_->generation())},
       {"health", health_.ok() ? "OK" : Quoted(health_.ToString())},
       {"working", working_},
       {"stopping", stopping_.load()},
       {"claims", queue_.claims()},
       {"next_upkeep", When(next_upkeep_, now)}});
}

void StoreCommitter::AddDump(Key key, absl::Time now,
                             std::vector<StateDump>* dumps) {
  MutexLock lock(&mutex_);
  dumps->push_back(queue_.groups().DumpOf(key, now));
  dumps->push_back(Dump(now));
}

void StoreCommitter::AddDumps(absl::Time now, std::vector<StateDump>* dumps) {
  MutexLock lock(&mutex_);
  dumps->push_back(queue_.groups().Dump(now));
  dumps->push_back(Dump(now));
}

}  // namespace msgproc::processor
