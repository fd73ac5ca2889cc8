#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_PROCESS_EXECUTOR_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_PROCESS_EXECUTOR_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "common/state_dump.h"
#include "services/processor/executors/executor.h"
#include "services/processor/workers/context_encodings.h"
#include "services/processor/workers/dispatcher.h"
#include "services/processor/workers/work_dump.h"
#include "services/processor/workers/worker_batch.h"
#include "services/processor/workers/worker_batches.h"
#include "services/processor/workers/worker_counters.h"
#include "services/processor/workers/worker_estate.h"
#include "services/processor/workers/worker_facts.h"
#include "services/processor/workers/worker_life.h"
#include "services/processor/workers/worker_link.h"
#include "services/processor/workers/worker_options.h"
#include "services/processor/workers/worker_pool.h"
#include "services/processor/workers/worker_roster.h"

namespace msgproc::processor {

// Runs handlers in worker processes: Model II. This process runs none, so
// nothing that a handler does reaches a socket or a session.
//
//   Execute (any thread)             pool's thread
//     Dispatcher: which worker  <---   answers, deaths, new workers
//     WorkerLink: write                WorkerLink: read, check
//                                      Batch::Done
//
// What a batch says stays the bytes that the client sent, and what a worker
// answers the bytes that the client gets. What waits is bounded by LimitsFor a
// session.
class WorkerProcessExecutor final : public Executor, private WorkerPool::Owner {
 public:
  // Returns once a worker serves. INVALID_ARGUMENT: an option; UNAVAILABLE: no
  // worker can be started, and why.
  static absl::StatusOr<std::unique_ptr<WorkerProcessExecutor>> Start(
      WorkerOptions options);
  ~WorkerProcessExecutor() override;

  Limits LimitsFor(const HandlerBinding& binding) const override;
  std::unique_ptr<Batch> Execute(std::unique_ptr<Batch> batch) override;
  Whereabouts Find(uint64_t session_number, uint64_t position) const override {
    MutexLock lock(&mutex_);
    for (const auto& link : links_) {
      for (const WorkItem* item :
           dispatcher_.HeldOf(link->id(), session_number)) {
        const Batch& batch = *item->batch->batch;
        if (position >= batch.first_position &&
            position - batch.first_position < batch.size) {
          return {.worker_pid = link->pid()};
        }
      }
    }
    return {.waiting = true};
  }
  void AddDumps(uint64_t session_number, absl::Time now,
                std::vector<StateDump>* dumps) const override {
    dumps->emplace_back("processor::WorkerProcessExecutor");
    std::vector<std::pair<WorkerId, pid_t>> workers;
    MutexLock lock(&mutex_);
    for (const auto& link : links_) {
      workers.emplace_back(link->id(), link->pid());
    }
    AddWorkDumps(dispatcher_, workers, session_number, now, dumps);
  }
  // Tells the workers that have something of the session.
  void OnAbandoned(uint64_t session_number) override;
  // Lets the workers finish what they have, for at most leave_timeout.
  void Stop() override;

  // Replaces all workers: new ones first, and the old ones finish what they
  // have. Nothing is retried.
  void Replace() { pool_.Replace(); }
  // Whether a worker serves.
  bool Ready() const { return pool_.serving() > 0; }

  // For operators: whom there is, and what one of them has.
  const WorkerRoster& roster() const { return pool_.roster(); }
  WorkerLoad LoadOf(WorkerId worker) {
    MutexLock lock(&mutex_);
    return dispatcher_.LoadOf(worker);
  }

  StateDump Dump(absl::Time now) const {
    MutexLock lock(&mutex_);
    return dispatcher_.Dump(now);
  }

  const WorkerCounters& counters() const { return counters_; }
  int serving() const { return pool_.serving(); }
  uint64_t departures(Departure reason) const {
    return pool_.departures(reason);
  }

 private:
  explicit WorkerProcessExecutor(WorkerOptions options);

  void OnServing(const std::shared_ptr<WorkerLink>& link) override;
  void OnRetired(WorkerLink* link) override;
  bool HoldsSuspects(WorkerLink* link) override {
    MutexLock lock(&mutex_);
    return dispatcher_.HoldsSuspects(link->id());
  }
  void OnAnswers(WorkerLink* link, absl::Time now) override;
  void OnGone(WorkerLink* link, absl::string_view how) override;
  void OnTick(absl::Time now) override;

  // The store has said of what it held what was committed.
  void OnSettled(WorkerEstate* estate);
  // What it held goes to others. Adds what is finished by that.
  void PassOn(const DeadWorker& worker, std::vector<WorkerBatch*>* finished);

  // What is to be done once the lock is released.
  struct Todo {
    // Have something to be written.
    std::vector<std::shared_ptr<WorkerLink>> links;
    // Nobody waits for them. They may be the last to hold their sessions.
    std::vector<std::unique_ptr<Batch>> dropped;
    void Do();
  };
  // Gives out what may be given out now.
  void Dispatch(absl::Time now, Todo* todo) MSGPROC_REQUIRES(mutex_);
  void CountHeld(WorkerLink* link) MSGPROC_REQUIRES(mutex_);
  std::vector<WorkerId> NeverAnswered(absl::Time now) const
      MSGPROC_REQUIRES(mutex_);
  void WarnOfBuffering(WorkerId worker);
  void Drop();
  void Finish(std::vector<WorkerBatch*>* finished);

  const WorkerOptions options_;
  WorkerCounters counters_;

  mutable Mutex mutex_;
  Dispatcher dispatcher_ MSGPROC_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<WorkerLink>> links_ MSGPROC_GUARDED_BY(mutex_);
  Assignment assignment_ MSGPROC_GUARDED_BY(mutex_);
  WorkerBatches batches_ MSGPROC_GUARDED_BY(mutex_);
  ContextEncodings contexts_ MSGPROC_GUARDED_BY(mutex_);
  bool stopped_ MSGPROC_GUARDED_BY(mutex_) = false;
  absl::Time next_tidy_ MSGPROC_GUARDED_BY(mutex_) = absl::InfinitePast();

  // The pool's thread's, to keep their memory.
  std::vector<uint64_t> answered_;
  std::vector<WorkerBatch*> finished_;
  Todo todo_;

  WorkerPool pool_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_PROCESS_EXECUTOR_H_
