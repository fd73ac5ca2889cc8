#include "services/processor/session/rate_limiter.h"

#include <cmath>

#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

class RateLimiterTest : public testing::Test {
 protected:
  // Takes what it may at each step, as 1 at a time, and returns how much.
  int Run(RateLimiter* limiter, absl::Duration time) {
    int taken = 0;
    for (const absl::Time end = now_ + time; now_ < end;
         now_ += absl::Milliseconds(1)) {
      for (; limiter->Room(now_) >= 1; ++taken) limiter->Take(1, now_);
    }
    return taken;
  }

  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1);
};

TEST_F(RateLimiterTest, WithoutARateEverythingGoes) {
  RateLimiter limiter;
  limiter.Take(1e12, now_);
  EXPECT_TRUE(std::isinf(limiter.Room(now_)));
  EXPECT_EQ(limiter.Next(), absl::InfinitePast());
}

TEST_F(RateLimiterTest, ASecondsWorthGoesAtOnceAndThenTheRate) {
  RateLimiter limiter(100);
  EXPECT_DOUBLE_EQ(limiter.Room(now_), 100);
  limiter.Take(99, now_);
  EXPECT_NEAR(limiter.Room(now_), 1, 1e-6);
  limiter.Take(2, now_);
  EXPECT_EQ(limiter.Room(now_), 0);
  EXPECT_EQ(limiter.Next(), now_ + absl::Milliseconds(10));
  EXPECT_EQ(limiter.Room(now_ + absl::Milliseconds(9)), 0);
  EXPECT_EQ(limiter.Room(now_ + absl::Milliseconds(10)), 1);
}

TEST_F(RateLimiterTest, HoldsTheRateInTheLongRun) {
  for (const double rate : {0.5, 3.0, 70.0, 900.0}) {
    RateLimiter limiter(rate);
    EXPECT_NEAR(Run(&limiter, absl::Seconds(100)), 100 * rate + rate, 1.5);
  }
}

TEST_F(RateLimiterTest, APauseSavesNoMoreThanTheBurst) {
  RateLimiter limiter(10);
  Run(&limiter, absl::Seconds(5));
  now_ += absl::Hours(1);
  EXPECT_DOUBLE_EQ(limiter.Room(now_), 10);
}

TEST_F(RateLimiterTest, WhatIsLargerThanTheBurstGoesAndIsPaidFor) {
  RateLimiter limiter(10);
  limiter.Take(100, now_);
  EXPECT_EQ(limiter.Next(), now_ + absl::Seconds(9));
  // Less than one a second: one goes nevertheless.
  RateLimiter slow(0.1);
  EXPECT_EQ(slow.Room(now_), 1);
  slow.Take(1, now_);
  EXPECT_EQ(slow.Next(), now_ + absl::Seconds(9));
}

TEST_F(RateLimiterTest, AnotherRateHoldsFromNowOn) {
  RateLimiter limiter(10);
  limiter.Take(20, now_);
  limiter.SetRate(1000);
  EXPECT_EQ(limiter.Next(), now_ + absl::Seconds(1));
  limiter.SetRate(0);
  EXPECT_TRUE(std::isinf(limiter.Room(now_)));
  EXPECT_EQ(limiter.Next(), absl::InfinitePast());
}

TEST_F(RateLimiterTest, WhatWentWithoutARateIsNotPaidForLater) {
  RateLimiter limiter;
  limiter.Take(1e12, now_);
  limiter.SetRate(10);
  EXPECT_DOUBLE_EQ(limiter.Room(now_), 10);
}

}  // namespace
}  // namespace msgproc::processor
