#ifndef MSGPROC_TESTS_SIMULATION_COMMITTER_H_
#define MSGPROC_TESTS_SIMULATION_COMMITTER_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/processor/store/commit_queue.h"
#include "services/processor/store/session_committer.h"
#include "services/processor/store/session_store.h"
#include "services/processor/store/store_counters.h"
#include "services/processor/store/store_worker.h"
#include "tests/simulation/fiber.h"
#include "tests/simulation/host.h"
#include "tests/simulation/store.h"

namespace msgproc::simulation {

// What StoreCommitter is, with fibers for its threads: the product's
// CommitQueue and StoreWorker.
class Committer final : public processor::SessionCommitter {
 public:
  // `retention`: of sessions that nobody uses.
  Committer(Host* host, Store* store, const std::string& owner,
            absl::Duration retention);
  ~Committer() override { Die(); }

  const std::string& generation() const override {
    return store_->generation();
  }
  void ClaimSession(processor::Claim claim, OnClaimed done) override;
  void OnReady(Key key, std::shared_ptr<processor::CommitSource> source,
               const processor::GroupCommit::Load& more) override;
  void Submit(Key key, std::shared_ptr<processor::CommitSource> source,
              std::unique_ptr<processor::Batch> work) override;

  // The process dies: what is under way at the store is left as it is. Before
  // the sessions go.
  void Die();

 private:
  struct Worker {
    std::unique_ptr<processor::StoreWorker> store;
    std::unique_ptr<Fiber> fiber;
    bool idle = false;
    absl::Duration backoff;
  };

  void Wake();
  void Work(Worker* worker);
  void MakeClaims(Worker* worker,
                  std::vector<processor::CommitQueue::WaitingClaim> claims);
  void CommitGroup(Worker* worker, processor::CommitQueue::Task task);
  void BackOff(Worker* worker);
  void KeepHouseRegularly();
  // Of a fiber. False: the process is dead.
  bool Wait(absl::Duration time);
  absl::Time Now() const;

  Host* const host_;
  const absl::Duration retention_;
  const std::unique_ptr<processor::SessionStore> store_;
  processor::StoreCounters counters_;
  processor::Contention contention_;
  std::atomic<bool> dead_{false};
  processor::CommitQueue queue_;
  bool upkeep_ = false;  // Is due.
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_COMMITTER_H_
