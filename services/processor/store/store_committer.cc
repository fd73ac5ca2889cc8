#include "services/processor/store/store_committer.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/check.h"
#include "common/clock.h"
#include "services/base/log.h"

namespace msgproc::processor {
namespace {

constexpr size_t kMaxClaims = 256;
constexpr absl::Duration kFirstBackoff = absl::Milliseconds(10);

absl::Time Now() { return Clock::Monotonic()->Now(); }

void Add(std::atomic<uint64_t>* counter, uint64_t n) {
  counter->fetch_add(n, std::memory_order_relaxed);
}

bool HasAnything(const GroupPart& part) {
  return part.work != nullptr || part.write.has_results() ||
         part.write.trim_through > 0 || part.write.touch || part.write.finish;
}

}  // namespace

StoreCommitter::StoreCommitter(std::unique_ptr<SessionStore> store,
                               const Options& options)
    : store_(std::move(store)), options_(options), groups_([&] {
        GroupCommit::Options groups = options.groups;
        groups.max_groups = store_->max_connections();
        return groups;
      }()) {
  for (int i = 0; i < store_->max_connections(); ++i) {
    Worker* const worker =
        workers_.emplace_back(std::make_unique<Worker>()).get();
    worker->store = std::make_unique<StoreWorker>(
        store_.get(), &stopping_, &counters_, &contention_,
        [this, worker](const absl::Status& status) {
          BackOff(worker, status);
        });
    worker->thread = std::thread([this, worker] { Work(worker); });
  }
}

void StoreCommitter::ClaimSession(Claim claim, OnClaimed done) {
  {
    MutexLock lock(&mutex_);
    if (!stopping_) {
      claims_.push_back({std::move(claim), std::move(done)});
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
    groups_.OnReady(key, more, Now());
    sources_[key].commits = std::move(source);
  }
  wake_.Signal();
}

void StoreCommitter::Submit(Key key, std::shared_ptr<CommitSource> source,
                            std::unique_ptr<Batch> work) {
  const int64_t each =
      work->binding->message_nanoseconds.load(std::memory_order_relaxed);
  const GroupCommit::Load load = {
      .bytes = work->size,
      .work = absl::Nanoseconds(each) * static_cast<int64_t>(work->size)};
  // Dropped without the lock: it holds its session.
  std::unique_ptr<Batch> dropped;
  {
    MutexLock lock(&mutex_);
    if (stopping_) {
      dropped = std::move(work);
      return;
    }
    groups_.OnReady(key, load, Now());
    Source& waiting = sources_[key];
    waiting.commits = std::move(source);
    MSGPROC_CHECK(waiting.work == nullptr);
    waiting.work = std::move(work);
  }
  wake_.Signal();
}

absl::Status StoreCommitter::Health() {
  MutexLock lock(&mutex_);
  return health_;
}

StoreCommitter::Waiting StoreCommitter::waiting() {
  MutexLock lock(&mutex_);
  return {.sessions = groups_.waiting(),
          .longest = std::max(absl::ZeroDuration(), Now() - groups_.oldest())};
}

void StoreCommitter::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  wake_.SignalAll();
  stopped_.SignalAll();
  for (const auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
  }
  // Let go of without the lock: they hold sessions.
  std::deque<WaitingClaim> claims;
  std::unordered_map<Key, Source> sources;
  {
    MutexLock lock(&mutex_);
    claims.swap(claims_);
    sources.swap(sources_);
  }
  for (WaitingClaim& claim : claims) {
    claim.done(absl::UnavailableError("The server stops."));
  }
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

StoreCommitter::Task StoreCommitter::NextTask() {
  Task task;
  const bool claims_wait = !claims_.empty();
  if (!claims_wait || !std::exchange(claims_next_, !claims_next_)) {
    task.group = groups_.NextGroup();
    for (const Key key : task.group) {
      Source& source = sources_.at(key);
      task.sources.push_back({source.commits, std::move(source.work)});
    }
  }
  if (claims_wait && task.group.empty()) {
    claims_next_ = false;
    // A session once.
    std::set<std::string> named;
    while (!claims_.empty() && task.claims.size() < kMaxClaims &&
           named.insert(claims_.front().claim.session_id).second) {
      task.claims.push_back(std::move(claims_.front()));
      claims_.pop_front();
    }
  }
  if (Now() >= next_upkeep_) {
    task.upkeep = true;
    next_upkeep_ = Now() + options_.upkeep_interval;
  }
  return task;
}

void StoreCommitter::Work(Worker* worker) {
  MutexLock lock(&mutex_);
  while (!stopping_) {
    Task task = NextTask();
    if (task.claims.empty() && task.group.empty() && !task.upkeep) {
      wake_.WaitFor(&mutex_,
                    std::max(absl::Milliseconds(1), next_upkeep_ - Now()));
      continue;
    }
    // What is left is for another one.
    if (!claims_.empty() || groups_.waiting() > 0) wake_.Signal();
    lock.Unlock();
    if (!task.claims.empty()) MakeClaims(worker, std::move(task.claims));
    if (task.upkeep) KeepHouse(worker);
    if (!task.group.empty()) CommitGroup(worker, std::move(task));
    lock.Relock();
  }
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
                                std::vector<WaitingClaim> claims) {
  std::vector<Claim> asked;
  asked.reserve(claims.size());
  for (const WaitingClaim& claim : claims) asked.push_back(claim.claim);
  absl::StatusOr<std::vector<Claimed>> made = worker->store->Claim(asked);
  if (made.ok()) {
    OnSuccess(worker);
    for (size_t i = 0; i < claims.size(); ++i) {
      claims[i].done(std::move((*made)[i]));
    }
    return;
  }
  // Whatever it is, it is the store's, and the clients come again.
  for (WaitingClaim& claim : claims) {
    claim.done(absl::UnavailableError("The session store cannot be reached."));
  }
  BackOff(worker, made.status());
}

StoreCommitter::Members StoreCommitter::Gather(Task* task) const {
  Members members;
  members.reserve(task->group.size());
  for (size_t i = 0; i < task->group.size(); ++i) {
    GroupMember member;
    member.key = task->group[i];
    member.source = std::move(task->sources[i].commits);
    member.part.work = std::move(task->sources[i].work);
    member.part.write = member.source->TakeCommit(options_.groups.max_bytes,
                                                  member.part.work == nullptr);
    member.epoch = member.part.write.epoch;
    if (HasAnything(member.part)) members.push_back(std::move(member));
  }
  return members;
}

void StoreCommitter::TellMembers(Members* members) {
  for (GroupMember& member : *members) {
    GroupPart& part = member.part;
    if (member.committed) {
      Add(&counters_.sessions_committed, 1);
      Add(&counters_.bytes_committed, part.write.results.size());
      member.source->OnCommitted(part.write, member.epoch);
      if (part.work == nullptr) continue;
      part.work->committed = true;
      Batch::Done(std::move(part.work));
    } else if (part.fenced) {
      Add(&counters_.fenced, 1);
      part.work = nullptr;
      member.source->OnFenced();
    } else if (!part.dropped) {
      member.source->OnNotCommitted(part.write, member.epoch);
    }
  }
}

void StoreCommitter::FinishGroup(const std::vector<Key>& group,
                                 Members members) {
  // Let go of without the lock: they hold sessions.
  std::vector<Source> gone;
  std::vector<Key> undone;
  MutexLock lock(&mutex_);
  for (GroupMember& member : members) {
    if (member.committed || member.part.fenced || member.part.dropped) continue;
    undone.push_back(member.key);
    Source& source = sources_[member.key];
    source.commits = std::move(member.source);
    if (member.part.work != nullptr) source.work = std::move(member.part.work);
  }
  groups_.OnDone(group, Now(), undone);
  for (const Key key : group) {
    const auto source = sources_.find(key);
    if (source == sources_.end() || groups_.Knows(key)) continue;
    gone.push_back(std::move(source->second));
    sources_.erase(source);
  }
  lock.Unlock();
}

void StoreCommitter::CommitGroup(Worker* worker, Task task) {
  Members members = Gather(&task);
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
    TellMembers(&members);
  }
  FinishGroup(task.group, std::move(members));
  if (!status.ok()) BackOff(worker, status);
}

void StoreCommitter::KeepHouse(Worker* worker) {
  const absl::Status status = worker->store->KeepHouse(
      options_.session_retention, options_.tombstone_retention);
  if (status.ok()) {
    OnSuccess(worker);
  } else if (!absl::IsAborted(status)) {
    // A conflict is nobody's business here.
    BackOff(worker, status);
  }
}

}  // namespace msgproc::processor
