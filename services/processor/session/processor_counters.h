#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_PROCESSOR_COUNTERS_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_PROCESSOR_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/base/atomic_histogram.h"
#include "services/processor/session/refusal.h"

namespace msgproc::processor {

// Why something was turned away, as a label.
enum class Rejection {
  kDataLoss,
  kFailedPrecondition,
  kInvalidArgument,
  kNotFound,
  kPermissionDenied,
  kResourceExhausted,
  kUnauthenticated,
  kUnavailable,
  kCount,
};

inline constexpr size_t kRejections = static_cast<size_t>(Rejection::kCount);

inline absl::string_view RejectionName(Rejection reason) {
  switch (reason) {
    case Rejection::kDataLoss:
      return "data_loss";
    case Rejection::kFailedPrecondition:
      return "failed_precondition";
    case Rejection::kNotFound:
      return "not_found";
    case Rejection::kPermissionDenied:
      return "permission_denied";
    case Rejection::kResourceExhausted:
      return "resource_exhausted";
    case Rejection::kUnauthenticated:
      return "unauthenticated";
    case Rejection::kUnavailable:
      return "unavailable";
    case Rejection::kInvalidArgument:
    case Rejection::kCount:
      break;
  }
  return "invalid_argument";
}

// What the processor counts while it works: plain atomics, touched once a batch
// and not once a message, read by ProcessorMetrics. Thread-safe.
struct ProcessorCounters {
  using Counter = std::atomic<uint64_t>;
  using Gauge = std::atomic<int64_t>;

  static void Add(Counter* counter, uint64_t n) {
    counter->fetch_add(n, std::memory_order_relaxed);
  }
  static void Add(Gauge* gauge, int64_t n) {
    gauge->fetch_add(n, std::memory_order_relaxed);
  }

  static Rejection RejectionOf(const absl::Status& status) {
    if (absl::IsDataLoss(status)) return Rejection::kDataLoss;
    if (absl::IsFailedPrecondition(status)) {
      return Rejection::kFailedPrecondition;
    }
    if (absl::IsNotFound(status)) return Rejection::kNotFound;
    if (absl::IsPermissionDenied(status)) return Rejection::kPermissionDenied;
    if (absl::IsResourceExhausted(status)) return Rejection::kResourceExhausted;
    if (absl::IsUnauthenticated(status)) return Rejection::kUnauthenticated;
    if (absl::IsUnavailable(status)) return Rejection::kUnavailable;
    return Rejection::kInvalidArgument;
  }

  void Reject(const absl::Status& status) {
    Add(&rejected[static_cast<size_t>(RejectionOf(status))], 1);
    const bool stops = draining.load(std::memory_order_relaxed);
    Add(&refused[static_cast<size_t>(RefusalOf(status, stops))], 1);
  }

  // Messages by outcome.
  Counter messages_ok{0};
  Counter messages_error{0};
  Counter messages_duplicate{0};
  // Payload bytes.
  Counter bytes_received{0};
  Counter bytes_sent{0};
  Counter slow_consumers{0};
  Counter silent_sessions{0};
  Counter takeovers{0};
  Counter sessions_opened{0};
  Counter sessions_resumed{0};
  Counter sessions_moved{0};
  Counter sessions_lost{0};
  Counter sessions_late{0};
  Counter sessions_expired{0};
  Counter sessions_evicted{0};
  // For the sake of the memory budget: streams that were not read any more,
  // those of them that were ended, and sessions and anonymous streams that were
  // not let in.
  Counter memory_pauses{0};
  Counter memory_ends{0};
  Counter memory_refusals{0};
  std::array<Counter, kRejections> rejected{};
  std::array<Counter, kRefusals> refused{};

  Gauge streams{0};
  Gauge sessions_attached{0};
  Gauge sessions_detached{0};
  Gauge detached_bytes{0};
  Gauge memory_budget{0};
  Gauge memory_used{0};
  // Accepted, result not ready.
  Gauge outstanding{0};
  std::atomic<bool> draining{false};
  // By an operator: balancers are told that it drains.
  std::atomic<bool> cordoned{false};

  base::AtomicHistogram batch_messages{
      base::AtomicHistogram::Exponential(1, 2, 13)};
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_PROCESSOR_COUNTERS_H_
