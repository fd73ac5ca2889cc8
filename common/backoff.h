#ifndef MSGPROC_COMMON_BACKOFF_H_
#define MSGPROC_COMMON_BACKOFF_H_

#include <algorithm>

#include "absl/time/time.h"
#include "common/check.h"

namespace msgproc {

// Exponential backoff: how long to wait at most before the next try. Whoever
// waits takes a random share of it ("Exponential Backoff And Jitter", AWS
// Architecture Blog, 2015). Pure; not thread-safe.
class Backoff {
 public:
  Backoff(absl::Duration initial, absl::Duration max)
      : initial_(initial), max_(max), next_(initial) {
    MSGPROC_CHECK_GT(initial, absl::ZeroDuration());
    MSGPROC_CHECK_GE(max, initial);
  }

  // Of a try that has failed; twice as long as the last time, up to the most.
  absl::Duration Next() {
    const absl::Duration now = next_;
    next_ = std::min(2 * next_, max_);
    return now;
  }

  // A try was a success.
  void Reset() { next_ = initial_; }

 private:
  const absl::Duration initial_;
  const absl::Duration max_;
  absl::Duration next_;
};

}  // namespace msgproc

#endif  // MSGPROC_COMMON_BACKOFF_H_
