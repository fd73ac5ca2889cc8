#include "tools/loadgen/schedule.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

std::vector<int64_t> Take(Schedule schedule, int count) {
  std::vector<int64_t> times;
  for (int i = 0; i < count; ++i) {
    times.push_back(schedule.next());
    schedule.Advance();
  }
  return times;
}

TEST(ScheduleTest, UniformTimesAreTheSameDistanceApart) {
  EXPECT_EQ(Take(Schedule(1000, 250, Arrivals::kUniform, 1), 4),
            (std::vector<int64_t>{1000, 1250, 1500, 1750}));
}

TEST(ScheduleTest, AnIntervalThatIsNoWholeNumberDoesNotDrift) {
  // 3 a second for 11 days.
  Schedule schedule(0, 1e9 / 3, Arrivals::kUniform, 1);
  constexpr int kCount = 3'000'000;
  for (int i = 0; i < kCount; ++i) schedule.Advance();
  EXPECT_NEAR(static_cast<double>(schedule.next()), 1e15, 1);
}

TEST(ScheduleTest, PoissonTimesHaveTheAskedMeanAndSpread) {
  constexpr int kCount = 200'000;
  constexpr double kInterval = 1000;
  const std::vector<int64_t> times =
      Take(Schedule(0, kInterval, Arrivals::kPoisson, 7), kCount + 1);
  double sum_of_squares = 0;
  for (int i = 0; i < kCount; ++i) {
    const auto distance = static_cast<double>(times[i + 1] - times[i]);
    ASSERT_GE(distance, 0);
    sum_of_squares += (distance - kInterval) * (distance - kInterval);
  }
  EXPECT_NEAR(static_cast<double>(times[kCount]) / kCount, kInterval, 10);
  // An exponential distribution's deviation equals its mean.
  EXPECT_NEAR(std::sqrt(sum_of_squares / kCount), kInterval, 20);
}

TEST(ScheduleTest, TheSameSeedGivesTheSameTimes) {
  EXPECT_EQ(Take(Schedule(0, 10, Arrivals::kPoisson, 3), 100),
            Take(Schedule(0, 10, Arrivals::kPoisson, 3), 100));
  EXPECT_NE(Take(Schedule(0, 10, Arrivals::kPoisson, 3), 100),
            Take(Schedule(0, 10, Arrivals::kPoisson, 4), 100));
}

}  // namespace
}  // namespace msgproc::loadgen
