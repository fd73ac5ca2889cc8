#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_ASYNC_ANSWERS_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_ASYNC_ANSWERS_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/processor/executors/batch.h"
#include "services/processor/handlers/async_handler.h"

namespace msgproc::processor {

// What the handlers of a worker's batch answer, on whatever thread; the first
// answer to each message counts. Outlives the batch where a handler keeps a
// Responder. Thread-safe.
class AsyncAnswers : public std::enable_shared_from_this<AsyncAnswers> {
 public:
  struct Answer {
    bool there = false;
    absl::Status status;
    Reply reply;
  };

  explicit AsyncAnswers(size_t messages) : answers_(messages) {}

  // Starts a message of the batch, whose answer is number `index`.
  void Start(AsyncHandler* handler, const Batch& batch, const Message& message,
             size_t index, absl::Time deadline);
  // Takes an answer, if it is the first. Copies what the reply borrows.
  void Set(size_t index, const absl::Status& status, const Reply& reply);
  // Whether an answer is there, by then.
  bool WaitFor(size_t index, absl::Duration timeout);
  Answer Take(size_t index);

  // Nobody waits any more: answers what has no answer.
  void Cancel();
  // Whether nobody waits for the answer: it is there, or nobody ever will.
  bool answered(size_t index);

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<Answer> answers_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_ASYNC_ANSWERS_H_
