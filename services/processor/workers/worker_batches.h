#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_BATCHES_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_BATCHES_H_

#include <deque>
#include <memory>
#include <vector>

#include "services/processor/executors/batch.h"
#include "services/processor/workers/worker_batch.h"

namespace msgproc::processor {

// The worker batches of an executor. They keep their place and their memory
// from batch to batch. Not thread-safe.
class WorkerBatches {
 public:
  // Takes the batch and its messages over: nothing of it is sent or answered.
  WorkerBatch* Take(std::unique_ptr<Batch> batch);
  // The batch was taken out, and the worker batch is for another one.
  void Release(WorkerBatch* work);

 private:
  std::deque<WorkerBatch> all_;
  std::vector<WorkerBatch*> free_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_BATCHES_H_
