#include "tools/loadgen/schedule/backlog.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(BacklogTest, EachMessageWaitedFromWhenItWasDueUntilTheEnd) {
  Histogram latency;
  Backlog{Schedule(1000, 100, Arrivals::kUniform, 1), 4}.RecordWaiting(
      1500, &latency);
  EXPECT_EQ(latency.count(), 4U);
  EXPECT_EQ(latency.max(), 500);
  EXPECT_EQ(latency.ValueAt(0.5), 300);
  EXPECT_EQ(latency.min(), 200);
}

TEST(BacklogTest, AnEmptyOneRecordsNothing) {
  Histogram latency;
  Backlog{Schedule(0, 1, Arrivals::kPoisson, 1), 0}.RecordWaiting(9, &latency);
  EXPECT_EQ(latency.count(), 0U);
}

TEST(BacklogTest, FourThousandMillionMessagesAreCountedInBoundedTime) {
  Histogram latency;
  Backlog{Schedule(0, 1, Arrivals::kUniform, 1), 4'000'000'000}.RecordWaiting(
      4 * kSecond, &latency);
  EXPECT_EQ(latency.count(), 4'000'000'000U);
  for (const double quantile : {0.01, 0.5, 0.9, 0.99}) {
    EXPECT_NEAR(static_cast<double>(latency.ValueAt(quantile)), quantile * 4e9,
                4e9 / 1000);
  }
}

TEST(BacklogTest, PoissonTimesAreTheOnesOfTheSchedule) {
  const Schedule schedule(0, 1000, Arrivals::kPoisson, 7);
  Schedule last = schedule;
  last.Advance(99);
  Histogram latency;
  Backlog{schedule, 100}.RecordWaiting(kSecond, &latency);
  EXPECT_EQ(latency.max(), kSecond);
  EXPECT_EQ(latency.min(), kSecond - last.next());
}

}  // namespace
}  // namespace msgproc::loadgen
