#ifndef MSGPROC_COMMON_FAKE_CLOCK_H_
#define MSGPROC_COMMON_FAKE_CLOCK_H_

#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"

namespace msgproc {

// A clock that stands still until a test moves it. Thread-safe.
class FakeClock final : public Clock {
 public:
  absl::Time Now() const override {
    MutexLock lock(&mutex_);
    return now_;
  }

  void Advance(absl::Duration duration) {
    MutexLock lock(&mutex_);
    now_ += duration;
  }

 private:
  mutable Mutex mutex_;
  absl::Time now_ MSGPROC_GUARDED_BY(mutex_) =
      absl::UnixEpoch() + absl::Hours(1000);
};

}  // namespace msgproc

#endif  // MSGPROC_COMMON_FAKE_CLOCK_H_
