#ifndef MSGPROC_COMMON_CLOCK_H_
#define MSGPROC_COMMON_CLOCK_H_

#include "absl/time/time.h"

namespace msgproc {

// A monotonic clock that tests can replace. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Never goes back. Its zero is arbitrary: only differences mean anything.
  virtual absl::Time Now() const = 0;

  // CLOCK_MONOTONIC. Lives for ever.
  static const Clock* Monotonic();
};

}  // namespace msgproc

#endif  // MSGPROC_COMMON_CLOCK_H_
