// tools/lint must find each of these lines: a rule that finds nothing may be
// one that does not look.
#include <sys/time.h>
#include <time.h>

#include <chrono>
#include <ctime>

#include "absl/time/clock.h"

namespace {
[[maybe_unused]] void ReadsTheWallClock() {
  (void)absl::Now();
  (void)absl::GetCurrentTimeNanos();
  (void)std::chrono::system_clock::now();
  (void)std::time(nullptr);
  (void)time(nullptr);
  timeval now{};
  gettimeofday(&now, nullptr);
  timespec exact{};
  clock_gettime(CLOCK_REALTIME, &exact);
  (void)gpr_now(GPR_CLOCK_REALTIME);
  timespec_get(&exact, TIME_UTC);
}
}  // namespace
