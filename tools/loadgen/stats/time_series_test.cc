#include "tools/loadgen/stats/time_series.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

constexpr int64_t kWidth = TimeSeries::kShortestWidth;

Histogram Of(int64_t value, uint64_t times) {
  Histogram histogram;
  histogram.Record(value, times);
  return histogram;
}

TEST(TimeSeriesTest, KeepsEachIntervalsCountAndPercentiles) {
  TimeSeries series;
  Histogram first = Of(1'000'000, 90);
  first.Record(9'000'000, 10);
  series.Append(first);
  series.Append(Histogram());
  const auto rows = series.Rows(Of(5'000, 3), 2 * kWidth + 7);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].count, 100U);
  EXPECT_NEAR(static_cast<double>(rows[0].p50), 1e6, 1e4);
  EXPECT_NEAR(static_cast<double>(rows[0].p99), 9e6, 9e4);
  EXPECT_EQ(rows[0].max, 9'000'000);
  EXPECT_EQ(rows[1].start, kWidth);
  EXPECT_EQ(rows[1].count, 0U);
  EXPECT_EQ(rows[1].p99, 0);
  EXPECT_EQ(rows[2].start, 2 * kWidth);
  EXPECT_EQ(rows[2].width, 7);
  EXPECT_EQ(rows[2].max, 5'000);
}

TEST(TimeSeriesTest, ALongRunLosesDetailAndNothingElse) {
  TimeSeries series;
  constexpr int kIntervals = 100'000;
  uint64_t count = 0;
  int appended = 0;
  // As the recorder does: what an interval holds grows with its width.
  while (series.next_end() < kIntervals * kWidth) {
    const auto times = static_cast<uint64_t>(series.width() / kWidth);
    series.Append(Of(20'000 + appended++, times));
    count += times;
  }
  const auto rows = series.Rows(Histogram(), series.next_end());
  EXPECT_LE(rows.size(), TimeSeries::kMaxIntervals);
  EXPECT_GE(rows.size(), TimeSeries::kMaxIntervals / 2 - 1);
  uint64_t found = 0;
  for (const TimeSeries::Row& row : rows) {
    found += row.count;
    EXPECT_EQ(row.width, series.width());
    EXPECT_EQ(row.count, static_cast<uint64_t>(row.width / kWidth));
  }
  EXPECT_EQ(found, count);
}

}  // namespace
}  // namespace msgproc::loadgen
