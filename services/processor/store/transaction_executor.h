#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_TRANSACTION_EXECUTOR_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_TRANSACTION_EXECUTOR_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/check.h"
#include "common/state_dump.h"
#include "services/processor/executors/executor.h"
#include "services/processor/store/session_committer.h"

namespace msgproc::processor {

// Runs handlers in the transactions that commit their results, on the store's
// threads. One batch of a session at a time, since its messages take effect in
// their order; sessions run in parallel as far as the store lets them.
// Thread-safe. `committer` outlives it.
class TransactionExecutor final : public Executor {
 public:
  explicit TransactionExecutor(SessionCommitter* committer)
      : committer_(committer) {}

  // A few milliseconds of work, so that a transaction with several sessions is
  // not long.
  Limits LimitsFor(const HandlerBinding& binding) const override {
    constexpr int64_t kBatchNanoseconds = 2'000'000;
    constexpr uint64_t kFirstBatchMessages = 64;
    constexpr uint64_t kMaxBatchMessages = 1024;
    const int64_t each =
        binding.message_nanoseconds.load(std::memory_order_relaxed);
    return {.max_batches = 1,
            .max_messages =
                each == 0 ? kFirstBatchMessages
                          : std::clamp<uint64_t>(
                                static_cast<uint64_t>(kBatchNanoseconds / each),
                                1, kMaxBatchMessages),
            .max_bytes = 1 << 20};
  }

  // The batch's session is a stored one.
  std::unique_ptr<Batch> Execute(std::unique_ptr<Batch> batch) override {
    std::shared_ptr<CommitSource> session = batch->owner->commits();
    MSGPROC_CHECK(session != nullptr);
    const uint64_t number = batch->session_number;
    committer_->Submit(number, std::move(session), std::move(batch));
    return nullptr;
  }

  // What it gives away is the committer's.
  void AddDumps(uint64_t /*session_number*/, absl::Time /*now*/,
                std::vector<StateDump>* dumps) const override {
    dumps->emplace_back("processor::TransactionExecutor");
  }

 private:
  SessionCommitter* const committer_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_TRANSACTION_EXECUTOR_H_
