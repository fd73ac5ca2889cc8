#include "tools/loadgen/stream/pacing_thread.h"

#include <sched.h>

#include <cstdint>
#include <thread>

#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

TEST(PacingThreadTest, SpinsAtMostATenthOfTheTimeBetweenMessages) {
  EXPECT_EQ(SpinTime(0.5), 100'000);
  EXPECT_EQ(SpinTime(1'000), 100'000);
  EXPECT_EQ(SpinTime(10'000), 10'000);
  EXPECT_EQ(SpinTime(1'000'000), 100);
}

TEST(PacingThreadTest, ThreadsThatAPunctualOneStartsAreOrdinary) {
  std::thread punctual([] {
    BePunctual();
    std::thread other([] { EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER); });
    other.join();
  });
  punctual.join();
}

TEST(PacingThreadTest, NeverWakesTooEarly) {
  const NanoClock clock(/*use_counter=*/false);
  const int64_t until = clock.Now() + 2'000'000;
  SleepUntil(clock, until);
  EXPECT_GE(clock.Now(), until);
}

}  // namespace
}  // namespace msgproc::loadgen
