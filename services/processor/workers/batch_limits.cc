#include "services/processor/workers/batch_limits.h"

#include <algorithm>
#include <atomic>
#include <cstddef>

namespace msgproc::processor {
namespace {

constexpr int64_t kBatchNanoseconds = 250'000;
constexpr int64_t kLargeBatchNanoseconds = 1'000'000;
constexpr uint64_t kMaxBatchMessages = 4096;
constexpr size_t kMaxBatchBytes = 256 << 10;
// Until something is known of a handler.
constexpr uint64_t kFirstBatchMessages = 4;

}  // namespace

Executor::Limits BatchLimits(const HandlerBinding& binding, int workers,
                             uint64_t waiting) {
  const int64_t each =
      binding.message_nanoseconds.load(std::memory_order_relaxed);
  const auto in_flight = static_cast<uint64_t>(workers) * 2;
  const bool one = binding.traits.ordered || binding.traits.workers_commit;
  Executor::Limits limits = {
      .max_batches = one ? 1 : in_flight,
      .min_messages = kFirstBatchMessages,
      .max_messages = kFirstBatchMessages,
      .max_bytes = kMaxBatchBytes,
  };
  if (each == 0) return limits;
  const auto in = [each](int64_t nanoseconds) {
    return std::clamp<uint64_t>(static_cast<uint64_t>(nanoseconds / each), 1,
                                kMaxBatchMessages);
  };
  limits.max_messages = in(kLargeBatchNanoseconds);
  // What other sessions have waiting leaves enough for all workers, too.
  limits.min_messages = std::clamp(waiting / in_flight, in(kBatchNanoseconds),
                                   limits.max_messages);
  return limits;
}

}  // namespace msgproc::processor
