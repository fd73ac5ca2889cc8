#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_RATE_LIMITER_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_RATE_LIMITER_H_

#include <algorithm>
#include <limits>

#include "absl/time/time.h"
#include "common/check.h"

namespace msgproc::processor {

// Decides how much of what is counted (messages, bytes) may go now: the generic
// cell rate algorithm (ITU-T I.371, "virtual scheduling"), which is a token
// bucket that keeps one time in place of a level. After a pause one second's
// worth and one more may go at once. What is larger than that goes as well, and
// is paid for afterwards: the rate holds in the long run.
//
// Pure: times are handed in, and never go back. Not thread-safe.
class RateLimiter {
 public:
  static constexpr absl::Duration kBurst = absl::Seconds(1);

  // 0: no limit.
  explicit RateLimiter(double per_second = 0) { SetRate(per_second); }

  // From here on; what has gone is not counted anew.
  void SetRate(double per_second) {
    MSGPROC_CHECK_GE(per_second, 0);
    rate_ = per_second;
  }

  // How much may go now; at least 1, or 0: nothing before Next.
  double Room(absl::Time now) const {
    if (rate_ <= 0) return std::numeric_limits<double>::infinity();
    if (now < Next()) return 0;
    const absl::Duration room = now + kBurst - std::max(paid_until_, now);
    return std::max(1.0, absl::ToDoubleSeconds(room) * rate_);
  }

  // When something may go; the past where that is now.
  absl::Time Next() const {
    return rate_ <= 0 ? absl::InfinitePast() : paid_until_ - kBurst;
  }

  // So much has gone.
  void Take(double count, absl::Time now) {
    MSGPROC_CHECK_GE(count, 0);
    if (rate_ <= 0) return;
    paid_until_ = std::max(paid_until_, now) + absl::Seconds(count / rate_);
  }

 private:
  double rate_ = 0;
  // When all that has gone would have gone at this rate: the "theoretical
  // arrival time".
  absl::Time paid_until_ = absl::InfinitePast();
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_RATE_LIMITER_H_
