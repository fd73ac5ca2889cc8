#ifndef MSGPROC_SERVICES_PROCESSOR_EXECUTORS_INLINE_EXECUTOR_H_
#define MSGPROC_SERVICES_PROCESSOR_EXECUTORS_INLINE_EXECUTOR_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "services/processor/executors/executor.h"

namespace msgproc::processor {

// Runs handlers that never block on the thread that read the batch: nothing is
// queued, handed over or woken. Stateless and thread-safe.
class InlineExecutor final : public Executor {
 public:
  bool synchronous() const override { return true; }

  Limits LimitsFor(const HandlerBinding& /*binding*/) const override {
    return {.max_batches = 1, .max_messages = UINT64_MAX, .max_bytes = 1 << 20};
  }

  void Execute(std::unique_ptr<Batch> batch) override {
    batch->ParsePieces();
    RunHandler(batch.get());
    Batch::Done(std::move(batch));
  }
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_EXECUTORS_INLINE_EXECUTOR_H_
