#ifndef MSGPROC_TOOLS_LOADGEN_SCHEDULE_SCHEDULE_H_
#define MSGPROC_TOOLS_LOADGEN_SCHEDULE_SCHEDULE_H_

#include <cstdint>

namespace msgproc::loadgen {

// How the intended times of an open loop are spread.
enum class Arrivals {
  kUniform,  // The same distance between any two.
  kPoisson,  // Independent of each other: exponential distances.
};

// When one stream's messages are meant to leave: an endless row of times that
// depends on nothing that happens, least of all on the server. Times are
// nanoseconds on any clock. A value; not thread-safe.
class Schedule {
 public:
  // The first message is due at `start`, the next after `interval` nanoseconds
  // (on average, for kPoisson; > 0). The same `seed` gives the same times.
  Schedule(int64_t start, double interval, Arrivals arrivals, uint64_t seed);

  // When the next message is due.
  int64_t next() const { return next_; }

  // Goes on to the message after it, or to one further on.
  void Advance(uint64_t messages = 1);

  // How many messages are due before `end`, counted up to `most`.
  uint64_t CountBefore(int64_t end, uint64_t most) const;

 private:
  int64_t start_;
  double interval_;
  Arrivals arrivals_;
  uint64_t random_;
  uint64_t index_ = 0;
  double offset_ = 0;
  int64_t next_;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_SCHEDULE_SCHEDULE_H_
