#include "tools/loadgen/schedule/schedule.h"

#include <cmath>
#include <cstdint>
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

TEST(ScheduleTest, CountsWhatIsDueBeforeATime) {
  const Schedule uniform(100, 10, Arrivals::kUniform, 1);
  EXPECT_EQ(uniform.CountBefore(100, 99), 0U);
  EXPECT_EQ(uniform.CountBefore(101, 99), 1U);
  EXPECT_EQ(uniform.CountBefore(110, 99), 1U);
  EXPECT_EQ(uniform.CountBefore(111, 99), 2U);
  EXPECT_EQ(uniform.CountBefore(10'100, UINT64_MAX), 1000U);
  EXPECT_EQ(uniform.CountBefore(10'100, 3), 3U);
  EXPECT_EQ(Schedule(0, 1.0 / 3, Arrivals::kUniform, 1)
                .CountBefore(1'000'000'000, UINT64_MAX),
            3'000'000'000U);
}

TEST(ScheduleTest, CountsWhatIsDueAtRandomTimesAsTheyCome) {
  const Schedule schedule(0, 1000, Arrivals::kPoisson, 7);
  const std::vector<int64_t> times = Take(schedule, 5001);
  EXPECT_EQ(schedule.CountBefore(times[5000], UINT64_MAX), 5000U);
  EXPECT_EQ(schedule.CountBefore(times[5000], 70), 70U);
}

TEST(ScheduleTest, GoingOnByThreeIsGoingOnThreeTimes) {
  for (const Arrivals arrivals : {Arrivals::kUniform, Arrivals::kPoisson}) {
    Schedule at_once(100, 1000, arrivals, 7);
    Schedule one_by_one = at_once;
    at_once.Advance(3);
    for (int i = 0; i < 3; ++i) one_by_one.Advance();
    EXPECT_EQ(at_once.next(), one_by_one.next());
  }
}

TEST(ScheduleTest, OneMessageInAThousandYearsOverflowsNothing) {
  for (const Arrivals arrivals : {Arrivals::kUniform, Arrivals::kPoisson}) {
    Schedule schedule(1'000'000'000'000'000, 1e9 / 1e-300, arrivals, 7);
    for (int i = 0; i < 10; ++i) schedule.Advance();
    EXPECT_GT(schedule.next(), 1'000'000'000'000'000);
  }
}

}  // namespace
}  // namespace msgproc::loadgen
