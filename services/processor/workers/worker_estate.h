#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_ESTATE_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_ESTATE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/mutex.h"
#include "services/processor/executors/batch.h"
#include "services/processor/workers/work_item.h"
#include "services/processor/workers/worker_batch.h"

namespace msgproc::processor {

// A worker that is dead.
struct DeadWorker {
  WorkerId id = 0;
  // The slot's number.
  int number = 0;
  // For people.
  std::string how;
  // Messages that were assigned to it and never reached it.
  uint64_t unwritten = 0;
};

// What a dead worker held that committed by itself. It is with nobody until the
// store has said of each session what was committed, and that nothing more will
// be: a commit that is under way meets another epoch. Thread-safe; kept alive
// by what it asks.
class WorkerEstate : public std::enable_shared_from_this<WorkerEstate> {
 public:
  // `held`, at least one and each once, stays with the caller's dispatcher.
  WorkerEstate(DeadWorker worker, const std::vector<WorkItem*>& held);

  // Asks the sessions. `settled` is called once, on any thread, when all have
  // answered; never if the server stops first.
  void Reclaim(std::function<void()> settled);

  // The rest is for whoever was told so.
  const DeadWorker& worker() const { return worker_; }
  // Appends to the batch the results that the worker has committed and not
  // answered. Returns how many.
  uint64_t TakeCommitted(WorkerBatch* work);

 private:
  void OnReclaimed(WorkerBatch* work, Reclaimed reclaimed,
                   const std::function<void()>& settled);

  const DeadWorker worker_;
  std::vector<WorkerBatch*> held_;  // Constant.
  Mutex mutex_;
  std::map<WorkerBatch*, Reclaimed> claims_ MSGPROC_GUARDED_BY(mutex_);
};

// The next message of the batch, whose workers have died over it, has got its
// Error: that must be committed before a worker can commit what follows it. The
// batch ends here; what is behind goes back to the session.
void EndBehindGivenUp(WorkerBatch* work);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_ESTATE_H_
