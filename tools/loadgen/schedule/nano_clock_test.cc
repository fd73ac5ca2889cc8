#include "tools/loadgen/schedule/nano_clock.h"

#include <time.h>

#include <cstdint>

#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

class NanoClockTest : public testing::TestWithParam<bool> {};

TEST_P(NanoClockTest, NeverGoesBack) {
  const NanoClock clock(GetParam());
  int64_t last = clock.Now();
  for (int i = 0; i < 100'000; ++i) {
    const int64_t now = clock.Now();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST_P(NanoClockTest, AgreesWithTheSystemsClock) {
  const NanoClock clock(GetParam());
  const NanoClock system(false);
  const int64_t start = clock.Now();
  const int64_t system_start = system.Now();
  const timespec pause{0, 50'000'000};
  nanosleep(&pause, nullptr);
  const int64_t elapsed = clock.Now() - start;
  const int64_t system_elapsed = system.Now() - system_start;
  // Between two readings a busy machine may put us aside for a while.
  EXPECT_NEAR(static_cast<double>(elapsed) / 1e6,
              static_cast<double>(system_elapsed) / 1e6, 20);
}

INSTANTIATE_TEST_SUITE_P(CounterOrNot, NanoClockTest, testing::Bool());

}  // namespace
}  // namespace msgproc::loadgen
