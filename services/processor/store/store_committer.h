#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_STORE_COMMITTER_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_STORE_COMMITTER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/processor/executors/batch.h"
#include "services/processor/store/claim.h"
#include "services/processor/store/commit_source.h"
#include "services/processor/store/group_commit.h"
#include "services/processor/store/session_store.h"
#include "services/processor/store/store_counters.h"
#include "services/processor/store/store_worker.h"

namespace msgproc::processor {

// The threads that speak with a session store, one a connection: they claim
// sessions, commit what sessions have ready (GroupCommit decides which
// together), and keep house.
//
// A store that is down or slow loses nothing: sessions wait, clients' windows
// fill, and it is tried again and again; claims fail at once with UNAVAILABLE.
// An answer to a COMMIT that is lost is resolved by fencing oneself: the claim
// is made anew, which tells what was committed, and what comes too late is
// refused.
//
// Thread-safe. Sessions and callbacks are called without a lock held.
class StoreCommitter {
 public:
  struct Options {
    // Of one group; max_groups is the store's.
    GroupCommit::Options groups;
    // How long a session is kept that nobody uses, and how long it is known
    // after that that it was there.
    absl::Duration session_retention = absl::Hours(7 * 24);
    absl::Duration tombstone_retention = absl::Hours(90 * 24);
    // How often what is old is looked for, and the store's size measured.
    absl::Duration upkeep_interval = absl::Seconds(10);
    // Between tries while the store fails, at most.
    absl::Duration max_backoff = absl::Seconds(1);
  };

  StoreCommitter(std::unique_ptr<SessionStore> store, const Options& options);
  ~StoreCommitter() { Stop(); }

  const std::string& generation() const { return store_->generation(); }
  StoreCounters* counters() { return &counters_; }

  // Claims a session. `done` is called once, on a thread of the store's; what
  // is not answered when the committer stops is UNAVAILABLE, on the thread that
  // stops it.
  using OnClaimed = std::function<void(absl::StatusOr<Claimed>)>;
  void ClaimSession(Claim claim, OnClaimed done);

  // The session has this much more to commit. `key` is its own for ever.
  void OnReady(GroupCommit::Key key, std::shared_ptr<CommitSource> source,
               const GroupCommit::Load& more);
  // The session's next messages, at most one batch at a time, to be handled in
  // a transaction: the batch is Done once that is committed, and dropped if the
  // session is fenced.
  void Submit(GroupCommit::Key key, std::shared_ptr<CommitSource> source,
              std::unique_ptr<Batch> work);

  // Why nothing can be committed now; OK if it can, as far as is known.
  absl::Status Health();
  // How many sessions wait for a commit, and since when the first.
  struct Waiting {
    size_t sessions = 0;
    absl::Duration longest;
  };
  Waiting waiting();

  // Finishes the commits that are in flight; all else is dropped.
  void Stop();

 private:
  using Key = GroupCommit::Key;
  struct Source {
    std::shared_ptr<CommitSource> commits;
    std::unique_ptr<Batch> work;
  };
  struct WaitingClaim {
    Claim claim;
    OnClaimed done;
  };
  // What a thread takes on next.
  struct Task {
    std::vector<WaitingClaim> claims;
    std::vector<Key> group;
    std::vector<Source> sources;  // Of the group, in the same order.
    bool upkeep = false;
  };
  // A thread and its connection, which only that thread touches.
  struct Worker {
    std::unique_ptr<StoreWorker> store;
    absl::Duration backoff;
    std::thread thread;
  };
  using Members = std::vector<GroupMember>;

  void Work(Worker* worker);
  Task NextTask() MSGPROC_REQUIRES(mutex_);
  void MakeClaims(Worker* worker, std::vector<WaitingClaim> claims);
  void CommitGroup(Worker* worker, Task task);
  // Asks the sessions for what they have.
  Members Gather(Task* task) const;
  void TellMembers(Members* members);
  void FinishGroup(const std::vector<Key>& group, Members members);

  void KeepHouse(Worker* worker);
  // The store failed: says so, and waits for a while before the next try.
  void BackOff(Worker* worker, const absl::Status& status);
  void OnSuccess(Worker* worker);
  void SetHealth(const absl::Status& status);

  const std::unique_ptr<SessionStore> store_;
  const Options options_;
  StoreCounters counters_;
  Contention contention_;
  std::atomic<bool> stopping_{false};

  Mutex mutex_;
  // There is something to do; and: it stops.
  CondVar wake_;
  CondVar stopped_;
  GroupCommit groups_ MSGPROC_GUARDED_BY(mutex_);
  std::unordered_map<Key, Source> sources_ MSGPROC_GUARDED_BY(mutex_);
  std::deque<WaitingClaim> claims_ MSGPROC_GUARDED_BY(mutex_);
  // Claims and groups take turns.
  bool claims_next_ MSGPROC_GUARDED_BY(mutex_) = true;
  absl::Time next_upkeep_ MSGPROC_GUARDED_BY(mutex_);
  absl::Status health_ MSGPROC_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_STORE_COMMITTER_H_
