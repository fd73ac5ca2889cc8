#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_STORE_COMMITTER_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_STORE_COMMITTER_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "common/state_dump.h"
#include "services/processor/executors/batch.h"
#include "services/processor/store/claim.h"
#include "services/processor/store/commit_queue.h"
#include "services/processor/store/commit_source.h"
#include "services/processor/store/group_commit.h"
#include "services/processor/store/session_committer.h"
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
class StoreCommitter final : public SessionCommitter {
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
    // How long a stop waits for a store that does not answer.
    absl::Duration last_answer = absl::Seconds(2);
  };

  StoreCommitter(std::unique_ptr<SessionStore> store, const Options& options);
  ~StoreCommitter() override { Stop(); }

  absl::Duration touch_interval() const override {
    return std::min(absl::Hours(1), options_.session_retention / 4);
  }
  const std::string& generation() const override {
    return store_->generation();
  }
  StoreCounters* counters() { return &counters_; }

  void ClaimSession(Claim claim, OnClaimed done) override;
  void OnReady(Key key, std::shared_ptr<CommitSource> source,
               const GroupCommit::Load& more) override;
  void Submit(Key key, std::shared_ptr<CommitSource> source,
              std::unique_ptr<Batch> work) override;

  void AddDump(Key key, absl::Time now, std::vector<StateDump>* dumps) override;
  // Of all sessions.
  void AddDumps(absl::Time now, std::vector<StateDump>* dumps);

  // Why nothing can be committed now; OK if it can, as far as is known.
  absl::Status Health();
  // How many sessions wait for a commit, and since when the first.
  struct Waiting {
    size_t sessions = 0;
    absl::Duration longest;
  };
  Waiting waiting();

  // Finishes the commits that are in flight, if the store answers soon; all
  // else is dropped.
  void Stop();

 private:
  // A thread and its connection, which only that thread touches.
  struct Worker {
    std::unique_ptr<StoreWorker> store;
    absl::Duration backoff;
    std::thread thread;
  };
  void Work(Worker* worker);
  void MakeClaims(Worker* worker,
                  std::vector<CommitQueue::WaitingClaim> claims);
  // A thread that waits for the store to resolve a commit makes no claims:
  // those that wait for it must hear so.
  void RefuseClaims();
  void CommitGroup(Worker* worker, CommitQueue::Task task);
  void KeepHouse(Worker* worker);
  // While it stops. False: a thread waits for the store, for too long.
  bool AwaitWorkers();
  // The store failed: says so, and waits for a while before the next try.
  void BackOff(Worker* worker, const absl::Status& status);
  void OnSuccess(Worker* worker);
  // Something that is no commit has gone well.
  void OnSuccessBesides(Worker* worker);
  void SetHealth(const absl::Status& status);
  StateDump Dump(absl::Time now) const MSGPROC_REQUIRES(mutex_);

  const std::unique_ptr<SessionStore> store_;
  const Options options_;
  StoreCounters counters_;
  Contention contention_;
  std::atomic<bool> stopping_{false};

  Mutex mutex_;
  // There is something to do; and: it stops, or a thread has ended.
  CondVar wake_;
  CondVar stopped_;
  int working_ MSGPROC_GUARDED_BY(mutex_) = 0;
  CommitQueue queue_ MSGPROC_GUARDED_BY(mutex_);
  absl::Time next_upkeep_ MSGPROC_GUARDED_BY(mutex_);
  absl::Status health_ MSGPROC_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_STORE_COMMITTER_H_
