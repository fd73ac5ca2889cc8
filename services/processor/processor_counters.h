#ifndef MSGPROC_SERVICES_PROCESSOR_PROCESSOR_COUNTERS_H_
#define MSGPROC_SERVICES_PROCESSOR_PROCESSOR_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace msgproc::processor {

// A histogram with fixed bounds whose Observe is two or three relaxed atomic
// additions. Thread-safe; a reader may see a sum and buckets of slightly
// different moments.
template <size_t N>
class CountedHistogram {
 public:
  explicit constexpr CountedHistogram(const std::array<double, N>& bounds)
      : bounds_(bounds) {}

  void Observe(double value, uint64_t times = 1) {
    size_t bucket = 0;
    while (bucket < N && value > bounds_[bucket]) ++bucket;
    counts_[bucket].fetch_add(times, std::memory_order_relaxed);
    double sum = sum_.load(std::memory_order_relaxed);
    while (!sum_.compare_exchange_weak(sum,
                                       sum + value * static_cast<double>(times),
                                       std::memory_order_relaxed)) {
    }
  }

  const std::array<double, N>& bounds() const { return bounds_; }
  // Not cumulative; the last one is everything above the bounds.
  uint64_t count(size_t bucket) const {
    return counts_[bucket].load(std::memory_order_relaxed);
  }
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  const std::array<double, N> bounds_;
  std::array<std::atomic<uint64_t>, N + 1> counts_{};
  std::atomic<double> sum_{0};
};

inline constexpr std::array<double, 14> kSecondsBounds = {
    0.000005, 0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005,
    0.001,    0.0025,  0.005,    0.025,   0.1,    1,       10};
inline constexpr std::array<double, 13> kBatchBounds = {
    1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};

// Why something was turned away, as a label.
enum class Rejection {
  kInvalidArgument,
  kNotFound,
  kPermissionDenied,
  kResourceExhausted,
  kCount,
};

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

  void Reject(const absl::Status& status) {
    Rejection reason = Rejection::kInvalidArgument;
    if (absl::IsNotFound(status)) reason = Rejection::kNotFound;
    if (absl::IsPermissionDenied(status)) reason = Rejection::kPermissionDenied;
    if (absl::IsResourceExhausted(status)) {
      reason = Rejection::kResourceExhausted;
    }
    Add(&rejected[static_cast<size_t>(reason)], 1);
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
  Counter sessions_lost{0};
  Counter sessions_expired{0};
  Counter sessions_evicted{0};
  std::array<Counter, static_cast<size_t>(Rejection::kCount)> rejected{};

  Gauge streams{0};
  Gauge sessions_attached{0};
  Gauge sessions_detached{0};
  Gauge detached_bytes{0};
  // Accepted, result not ready.
  Gauge outstanding{0};
  std::atomic<bool> draining{false};

  CountedHistogram<14> message_seconds{kSecondsBounds};
  CountedHistogram<14> handler_seconds{kSecondsBounds};
  CountedHistogram<13> batch_messages{kBatchBounds};
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_PROCESSOR_COUNTERS_H_
