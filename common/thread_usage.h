#ifndef MSGPROC_COMMON_THREAD_USAGE_H_
#define MSGPROC_COMMON_THREAD_USAGE_H_

#include <time.h>

#include <vector>

#include "absl/time/time.h"
#include "common/clock.h"

namespace msgproc {

// How much of the processor some threads of this process use. Not thread-safe.
class ThreadUsage {
 public:
  // From now on the calling thread is one of them. May be called again.
  void AddThisThread();

  // The cores that they used together, in the mean since the last call, or the
  // constructor: 2 where two threads were never idle.
  double Take();

 private:
  struct Thread {
    clockid_t clock;
    absl::Duration used;
  };

  std::vector<Thread> threads_;
  absl::Time at_ = Clock::Monotonic()->Now();
};

}  // namespace msgproc

#endif  // MSGPROC_COMMON_THREAD_USAGE_H_
