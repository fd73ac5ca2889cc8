#include "tools/loadgen/nano_clock.h"

#include <cmath>
#include <fstream>
#include <string>

namespace msgproc::loadgen {
namespace {

// The kernel keeps its own time by the counter only if that runs at one speed,
// also while the processor sleeps, and agrees between cores.
bool KernelTrustsTheCounter() {
  std::ifstream file(
      "/sys/devices/system/clocksource/clocksource0/current_clocksource");
  std::string source;
  return file >> source && source == "tsc";
}

}  // namespace

NanoClock::NanoClock(bool use_counter) {
#if defined(__x86_64__)
  if (!use_counter || !KernelTrustsTheCounter()) return;
  constexpr int64_t kCalibration = 20'000'000;
  const int64_t start = Monotonic();
  const uint64_t first = __rdtsc();
  const timespec pause{0, kCalibration};
  nanosleep(&pause, nullptr);
  const int64_t end = Monotonic();
  const uint64_t last = __rdtsc();
  if (last <= first) return;
  zero_ = first;
  scale_ = static_cast<uint64_t>(
      std::ldexp(static_cast<double>(end - start), kScaleBits) /
      static_cast<double>(last - first));
#endif
}

}  // namespace msgproc::loadgen
