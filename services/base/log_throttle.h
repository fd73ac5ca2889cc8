#ifndef MSGPROC_SERVICES_BASE_LOG_THROTTLE_H_
#define MSGPROC_SERVICES_BASE_LOG_THROTTLE_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "common/clock.h"

namespace msgproc::base {

// Keeps a line that could repeat a thousand times a second to one an interval
// after a burst, and counts the others. (The generic cell rate algorithm.)
//
//   static LogThrottle throttle;
//   if (absl::optional<uint64_t> suppressed = throttle.Admit()) {
//     LogWarning("connection refused", {{"suppressed", *suppressed}});
//   }
//
// Thread-safe; lock-free.
class LogThrottle {
 public:
  explicit LogThrottle(absl::Duration interval = absl::Seconds(1),
                       const Clock* clock = Clock::Monotonic(), int burst = 1)
      : interval_ns_(absl::ToInt64Nanoseconds(interval)),
        burst_ns_(interval_ns_ * (burst - 1)),
        clock_(clock) {}

  // The number of calls turned away since the last one let through, when this
  // one is let through; nullopt when it is turned away.
  absl::optional<uint64_t> Admit() {
    const int64_t now = absl::ToUnixNanos(clock_->Now());
    int64_t next = next_ns_.load(std::memory_order_relaxed);
    do {
      if (now < next - burst_ns_) {
        suppressed_.fetch_add(1, std::memory_order_relaxed);
        return absl::nullopt;
      }
    } while (!next_ns_.compare_exchange_weak(
        next, std::max(next, now) + interval_ns_, std::memory_order_relaxed));
    return suppressed_.exchange(0, std::memory_order_relaxed);
  }

 private:
  const int64_t interval_ns_;
  const int64_t burst_ns_;
  const Clock* const clock_;
  // The clock's zero is arbitrary, so the first call must pass at any time.
  std::atomic<int64_t> next_ns_{INT64_MIN / 2};
  std::atomic<uint64_t> suppressed_{0};
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_LOG_THROTTLE_H_
