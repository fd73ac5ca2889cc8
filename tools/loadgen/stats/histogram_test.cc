#include "tools/loadgen/stats/histogram.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

constexpr double kQuantiles[] = {0,   0.001, 0.1,  0.25,  0.5,    0.75,
                                 0.9, 0.95,  0.99, 0.999, 0.9999, 1};

int64_t Exact(const std::vector<int64_t>& sorted, double quantile) {
  const double rank =
      std::ceil(quantile * static_cast<double>(sorted.size()) - 1e-9);
  const size_t index = rank < 1 ? 0 : static_cast<size_t>(rank) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

struct Distribution {
  std::string name;
  std::function<double(std::mt19937_64&)> draw;
};

std::vector<Distribution> Distributions() {
  return {
      {"constant", [](auto&) { return 20'000.0; }},
      {"uniform below the first doubling",
       [](auto& r) { return std::uniform_real_distribution(0.0, 2048.0)(r); }},
      {"uniform to a millisecond",
       [](auto& r) { return std::uniform_real_distribution(1e3, 1e6)(r); }},
      {"uniform to an hour",
       [](auto& r) { return std::uniform_real_distribution(0.0, 3.6e12)(r); }},
      {"exponential",
       [](auto& r) { return std::exponential_distribution(1 / 50e3)(r); }},
      {"lognormal",
       [](auto& r) { return std::lognormal_distribution(10.0, 2.0)(r); }},
      {"heavy tail",
       [](auto& r) {
         return 1e4 / std::pow(std::uniform_real_distribution(1e-6, 1.0)(r), 1);
       }},
      {"two humps",
       [](auto& r) {
         return std::bernoulli_distribution(0.01)(r)
                    ? std::uniform_real_distribution(1e9, 2e9)(r)
                    : std::uniform_real_distribution(18e3, 22e3)(r);
       }},
      {"powers of two and their neighbours",
       [](auto& r) {
         return std::ldexp(1.0, std::uniform_int_distribution(0, 41)(r)) +
                std::uniform_int_distribution(-1, 1)(r);
       }},
  };
}

TEST(HistogramTest, KeepsThreeDigitsOfEveryQuantileOfManyDistributions) {
  std::mt19937_64 random(1);
  for (const Distribution& distribution : Distributions()) {
    Histogram histogram;
    std::vector<int64_t> samples;
    double sum = 0;
    for (int i = 0; i < 50'000; ++i) {
      const auto value =
          std::clamp(static_cast<int64_t>(distribution.draw(random)),
                     int64_t{0}, Histogram::kMaxValue);
      samples.push_back(value);
      histogram.Record(value);
      sum += static_cast<double>(value);
    }
    std::sort(samples.begin(), samples.end());
    EXPECT_EQ(histogram.min(), samples.front()) << distribution.name;
    EXPECT_EQ(histogram.max(), samples.back()) << distribution.name;
    const double mean = sum / static_cast<double>(samples.size());
    EXPECT_NEAR(histogram.Mean(), mean, mean / 2000 + 1) << distribution.name;
    for (const double quantile : kQuantiles) {
      const int64_t exact = Exact(samples, quantile);
      const int64_t found = histogram.ValueAt(quantile);
      EXPECT_GE(found, exact) << distribution.name << " at " << quantile;
      EXPECT_LE(static_cast<double>(found - exact),
                static_cast<double>(exact) / 1000)
          << distribution.name << " at " << quantile;
    }
  }
}

TEST(HistogramTest, EveryBucketBeginsWhereTheOneBeforeEnds) {
  for (int bucket = 0; bucket + 1 < Histogram::kBuckets; ++bucket) {
    ASSERT_EQ(Histogram::HighestIn(bucket) + 1,
              Histogram::LowestIn(bucket + 1));
    ASSERT_EQ(Histogram::BucketOf(Histogram::LowestIn(bucket)), bucket);
    ASSERT_EQ(Histogram::BucketOf(Histogram::HighestIn(bucket)), bucket);
  }
}

TEST(HistogramTest, MicrosecondsKeepThreeDigits) {
  for (const int64_t value : {1'000, 1'001, 2'047, 20'000, 99'900}) {
    const int bucket = Histogram::BucketOf(value);
    EXPECT_LE(Histogram::HighestIn(bucket) - Histogram::LowestIn(bucket),
              value / 1000)
        << value;
  }
}

TEST(HistogramTest, AMergeIsTheSameAsRecordingEverythingInOne) {
  std::mt19937_64 random(2);
  Histogram one;
  Histogram other;
  Histogram both;
  for (int i = 0; i < 10'000; ++i) {
    const auto value = static_cast<int64_t>(random() >> (22 + i % 40));
    (i % 3 == 0 ? one : other).Record(value);
    both.Record(value);
  }
  one.Merge(other);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.clamped(), both.clamped());
  EXPECT_EQ(one.min(), both.min());
  EXPECT_EQ(one.max(), both.max());
  EXPECT_DOUBLE_EQ(one.Mean(), both.Mean());
  for (const double quantile : kQuantiles) {
    EXPECT_EQ(one.ValueAt(quantile), both.ValueAt(quantile));
  }
}

TEST(HistogramTest, ValuesBeyondTheRangeAreClampedAndCounted) {
  Histogram histogram;
  histogram.Record(Histogram::kMaxValue);
  EXPECT_EQ(histogram.clamped(), 0U);
  histogram.Record(Histogram::kMaxValue + 1);
  histogram.Record(-5);
  EXPECT_EQ(histogram.clamped(), 2U);
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_EQ(histogram.max(), Histogram::kMaxValue);
  EXPECT_EQ(histogram.min(), 0);
}

TEST(HistogramTest, NothingRecordedIsZeroEverywhere) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.min(), 0);
  EXPECT_EQ(histogram.max(), 0);
  EXPECT_EQ(histogram.Mean(), 0);
  EXPECT_EQ(histogram.ValueAt(0.99), 0);
}

TEST(HistogramTest, AClearedHistogramStartsAnew) {
  Histogram histogram;
  histogram.Record(1'000'000, 100);
  histogram.Record(-1);
  histogram.Clear();
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.clamped(), 0U);
  histogram.Record(5'000, 10);
  EXPECT_EQ(histogram.count(), 10U);
  EXPECT_EQ(histogram.min(), 5'000);
  EXPECT_EQ(histogram.max(), 5'000);
  EXPECT_EQ(histogram.CountAtMost(Histogram::kMaxValue), 10U);
}

TEST(HistogramTest, CountAtMostGrowsToTheWholeCount) {
  Histogram histogram;
  for (int64_t value = 1; value <= 1000; ++value) histogram.Record(value);
  EXPECT_EQ(histogram.CountAtMost(-1), 0U);
  EXPECT_EQ(histogram.CountAtMost(500), 500U);
  EXPECT_EQ(histogram.CountAtMost(Histogram::kMaxValue + 1), 1000U);
}

}  // namespace
}  // namespace msgproc::loadgen
