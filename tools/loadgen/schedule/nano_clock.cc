#include "tools/loadgen/schedule/nano_clock.h"

#include <cmath>

#include "common/read_to_end.h"

namespace msgproc::loadgen {
namespace {

// The kernel keeps its own time by the counter only if that runs at one speed,
// also while the processor sleeps, and agrees between cores.
bool KernelTrustsTheCounter() {
  return ReadWholeFile(
             "/sys/devices/system/clocksource/clocksource0/"
             "current_clocksource") == "tsc\n";
}

}  // namespace

#if defined(__x86_64__)

// The counter and the time at the same moment: of several readings the one that
// was interrupted least.
NanoClock::Reading NanoClock::Read() {
  Reading best{};
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < 20; ++i) {
    const uint64_t before = __rdtsc();
    const int64_t nanoseconds = Monotonic();
    const uint64_t after = __rdtsc();
    if (after - before >= least) continue;
    least = after - before;
    best = Reading{before + least / 2, nanoseconds};
  }
  return best;
}

NanoClock::NanoClock(bool use_counter) {
  if (!use_counter || !KernelTrustsTheCounter()) return;
  const Reading start = Read();
  const timespec pause{0, 20'000'000};
  nanosleep(&pause, nullptr);
  const Reading end = Read();
  if (end.ticks <= start.ticks) return;
  zero_ = start.ticks;
  scale_ = static_cast<uint64_t>(
      std::ldexp(static_cast<double>(end.nanoseconds - start.nanoseconds),
                 kScaleBits) /
      static_cast<double>(end.ticks - start.ticks));
}

#else

NanoClock::NanoClock(bool) {}

#endif

}  // namespace msgproc::loadgen
