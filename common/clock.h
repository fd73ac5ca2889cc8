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

  // Monotonic() goes by `clock` from now on: for simulations, where no time
  // passes but theirs. Null: CLOCK_MONOTONIC again. Not thread-safe.
  static void ReplaceMonotonic(const Clock* clock);
};

}  // namespace msgproc

#endif  // MSGPROC_COMMON_CLOCK_H_
