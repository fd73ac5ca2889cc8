#include "tools/loadgen/stats/latency_recorder.h"

#include <cstdint>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

constexpr int64_t kStart = 1'000'000'000'000;
constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kWidth = TimeSeries::kShortestWidth;

TEST(LatencyRecorderTest, PutsLatenciesIntoTheIntervalInWhichTheyCame) {
  LatencyRecorder recorder(kStart);
  recorder.Record({1000, 2000}, kStart + kWidth / 2);
  recorder.Record({3000}, kStart + 2 * kWidth + kWidth / 2);
  EXPECT_EQ(recorder.count(), 3U);
  EXPECT_EQ(recorder.Total().count(), 3U);
  EXPECT_EQ(recorder.Total().max(), 3000);
  const auto rows = recorder.Series(kStart + 3 * kWidth - 7);
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].count, 2U);
  EXPECT_EQ(rows[1].count, 0U);
  EXPECT_EQ(rows[2].count, 1U);
  EXPECT_EQ(rows[2].width, kWidth - 7);
}

TEST(LatencyRecorderTest, AnHourOfSilenceIsSurvived) {
  LatencyRecorder recorder(kStart);
  recorder.Record({1000}, kStart);
  recorder.Record({1000}, kStart + 3'600'000 * kMillisecond);
  const auto rows = recorder.Series(kStart + 3'600'000 * kMillisecond);
  EXPECT_LE(rows.size(), TimeSeries::kMaxIntervals);
  EXPECT_EQ(rows.front().count + rows.back().count, 2U);
}

TEST(LatencyBufferTest, BringsAFullHandfulAtOnce) {
  LatencyRecorder recorder(kStart);
  LatencyBuffer buffer;
  buffer.Flush(kStart, &recorder);
  for (int i = 0; i < 63; ++i) buffer.Add(1000, kStart, &recorder);
  EXPECT_EQ(recorder.count(), 0U);
  buffer.Add(1000, kStart, &recorder);
  EXPECT_EQ(recorder.count(), 64U);
}

TEST(LatencyBufferTest, DoesNotSitOnALoneLatency) {
  LatencyRecorder recorder(kStart);
  LatencyBuffer buffer;
  buffer.Flush(kStart, &recorder);
  buffer.Add(1000, kStart + kMillisecond, &recorder);
  buffer.Add(1000, kStart + 6 * kMillisecond, &recorder);
  EXPECT_EQ(recorder.count(), 2U);
}

TEST(LatencyRecorderTest, StreamsOnDifferentThreadsLoseNothing) {
  LatencyRecorder recorder(kStart);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&recorder] {
      LatencyBuffer buffer;
      for (int i = 0; i < 10'000; ++i) {
        buffer.Add(1000 + i, kStart + i * 10'000, &recorder);
      }
      buffer.Flush(kStart + 100 * kMillisecond, &recorder);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(recorder.count(), 40'000U);
  uint64_t in_rows = 0;
  for (const auto& row : recorder.Series(kStart + 200 * kMillisecond)) {
    in_rows += row.count;
  }
  EXPECT_EQ(in_rows, 40'000U);
}

}  // namespace
}  // namespace msgproc::loadgen
