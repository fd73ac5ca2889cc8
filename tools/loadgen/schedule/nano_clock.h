#ifndef MSGPROC_TOOLS_LOADGEN_SCHEDULE_NANO_CLOCK_H_
#define MSGPROC_TOOLS_LOADGEN_SCHEDULE_NANO_CLOCK_H_

#include <time.h>

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace msgproc::loadgen {

// A monotonic clock cheap enough to be read for every one of millions of
// messages a second: 10 ns where the kernel itself trusts the processor's time
// stamp counter, otherwise CLOCK_MONOTONIC (25 ns). Against CLOCK_MONOTONIC it
// may drift by some parts in a million, so the times of one run all come from
// the same NanoClock. Immutable after construction, so thread-safe.
class NanoClock {
 public:
  // Takes 20 ms where there is a counter to calibrate. `use_counter` false
  // gives CLOCK_MONOTONIC everywhere.
  explicit NanoClock(bool use_counter = true);

  // Nanoseconds since an arbitrary zero.
  int64_t Now() const {
#if defined(__x86_64__)
    if (scale_ != 0) [[likely]] {
      const auto ticks = static_cast<unsigned __int128>(__rdtsc() - zero_);
      return static_cast<int64_t>(ticks * scale_ >> kScaleBits);
    }
#endif
    return Monotonic();
  }

  bool uses_counter() const { return scale_ != 0; }

 private:
  static constexpr int kScaleBits = 32;

  struct Reading {
    uint64_t ticks;
    int64_t nanoseconds;
  };
  static Reading Read();

  static int64_t Monotonic() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
  }

  uint64_t zero_ = 0;
  uint64_t scale_ = 0;  // Nanoseconds a tick, times 2^kScaleBits.
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_SCHEDULE_NANO_CLOCK_H_
