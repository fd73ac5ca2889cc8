#include "services/base/live/histogram_window.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/atomic_histogram.h"

namespace msgproc::base {
namespace {

using testing::ElementsAre;
using testing::IsNan;

HistogramSnapshot Observed(std::vector<uint64_t> counts, double sum = 0) {
  return {.bounds = {1, 2, 4}, .counts = std::move(counts), .sum = sum};
}

TEST(QuantileTest, IsEvenWithinABucket) {
  const HistogramSnapshot ten = Observed({0, 10, 0, 0});
  EXPECT_DOUBLE_EQ(Quantile(ten, 0), 1);
  EXPECT_DOUBLE_EQ(Quantile(ten, 0.25), 1.25);
  EXPECT_DOUBLE_EQ(Quantile(ten, 1), 2);
}

TEST(QuantileTest, TheFirstBucketBeginsAtZero) {
  EXPECT_DOUBLE_EQ(Quantile(Observed({4, 0, 0, 0}), 0.5), 0.5);
}

TEST(QuantileTest, GoesByAllBuckets) {
  const HistogramSnapshot some = Observed({10, 0, 10, 0});
  EXPECT_DOUBLE_EQ(Quantile(some, 0.5), 1);
  EXPECT_DOUBLE_EQ(Quantile(some, 0.75), 3);
  EXPECT_DOUBLE_EQ(Quantile(some, 0.99), 3.96);
}

TEST(QuantileTest, WhatIsAboveTheLastBoundCountsAsThat) {
  EXPECT_DOUBLE_EQ(Quantile(Observed({1, 0, 0, 9}), 0.99), 4);
  EXPECT_DOUBLE_EQ(Quantile(Observed({0, 0, 0, 1}), 0), 4);
}

TEST(QuantileTest, OfNothingIsUnknown) {
  EXPECT_THAT(Quantile(Observed({0, 0, 0, 0}), 0.5), IsNan());
}

TEST(QuantileDeathTest, ChecksItsArguments) {
  EXPECT_DEATH(Quantile(Observed({1, 0, 0, 0}), -0.1), "share");
  EXPECT_DEATH(Quantile(Observed({1, 0, 0, 0}), 1.1), "share");
  EXPECT_DEATH(Quantile(Observed({1, 0, 0}), 0.5), "counts");
}

TEST(HistogramWindowTest, GivesWhatCameSinceTheLastLook) {
  HistogramWindow window;
  HistogramSnapshot seen = window.Advance(Observed({1, 2, 3, 4}, 20));
  EXPECT_THAT(seen.counts, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(seen.sum, 20);
  seen = window.Advance(Observed({1, 5, 3, 6}, 35));
  EXPECT_THAT(seen.bounds, ElementsAre(1, 2, 4));
  EXPECT_THAT(seen.counts, ElementsAre(0, 3, 0, 2));
  EXPECT_EQ(seen.sum, 15);
  seen = window.Advance(Observed({1, 5, 3, 6}, 35));
  EXPECT_THAT(seen.counts, ElementsAre(0, 0, 0, 0));
  EXPECT_EQ(seen.sum, 0);
}

TEST(HistogramWindowDeathTest, AHistogramOnlyGrows) {
  HistogramWindow window;
  window.Advance(Observed({1, 2, 3, 4}));
  EXPECT_DEATH(window.Advance(Observed({1, 1, 3, 4})), "counts");
}

}  // namespace
}  // namespace msgproc::base
