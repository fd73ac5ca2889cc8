#ifndef MSGPROC_SERVICES_PROCESSOR_EXECUTORS_INLINE_EXECUTOR_H_
#define MSGPROC_SERVICES_PROCESSOR_EXECUTORS_INLINE_EXECUTOR_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "common/check.h"
#include "common/state_dump.h"
#include "services/processor/executors/executor.h"

namespace msgproc::processor {

// Runs handlers that never block on the thread that read the batch: nothing is
// queued, handed over or woken. Stateless and thread-safe.
class InlineExecutor final : public Executor {
 public:
  Limits LimitsFor(const HandlerBinding& /*binding*/) const override {
    return {.max_batches = 1, .runs_at_once = true};
  }

  std::unique_ptr<Batch> Execute(std::unique_ptr<Batch> batch) override {
    batch->ParsePieces();
    MSGPROC_CHECK_EQ(batch->messages.size(), batch->size);
    RunHandler(batch.get());
    return batch;
  }

  void AddDumps(uint64_t /*session_number*/, absl::Time /*now*/,
                std::vector<StateDump>* dumps) const override {
    dumps->emplace_back("processor::InlineExecutor");
  }
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_EXECUTORS_INLINE_EXECUTOR_H_
