#include "services/processor/stream/principal_throttle.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

constexpr absl::Duration kMinute = PrincipalThrottle::kInterval;

class PrincipalThrottleTest : public testing::Test {
 protected:
  absl::Time now_ = absl::UnixEpoch();
  const absl::Duration almost_ = kMinute - absl::Nanoseconds(1);
  PrincipalThrottle throttle_{/*known=*/3};
};

TEST_F(PrincipalThrottleTest, OneLineAMinuteSaysHowManyItStandsFor) {
  EXPECT_EQ(throttle_.Admit("alice", now_), 0U);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(throttle_.Admit("alice", now_ + almost_), absl::nullopt);
  }
  EXPECT_EQ(throttle_.Admit("alice", now_ + kMinute), 5U);
  EXPECT_EQ(throttle_.Admit("alice", now_ + kMinute + almost_), absl::nullopt);
  EXPECT_EQ(throttle_.Admit("alice", now_ + kMinute + kMinute), 1U);
  EXPECT_EQ(throttle_.Admit("alice", now_ + 3 * kMinute), 0U);
}

TEST_F(PrincipalThrottleTest, OnesFloodHidesNobodyElse) {
  EXPECT_EQ(throttle_.Admit("mallory", now_), 0U);
  for (int i = 0; i < 1000; ++i) throttle_.Admit("mallory", now_);
  EXPECT_EQ(throttle_.Admit("alice", now_), 0U);
}

TEST_F(PrincipalThrottleTest, BeyondThoseThatAreKnownOthersShareALine) {
  for (const char* known : {"a", "b", "c"}) {
    EXPECT_EQ(throttle_.Admit(known, now_), 0U);
  }
  EXPECT_EQ(throttle_.Admit("d", now_), 0U);
  EXPECT_EQ(throttle_.Admit("e", now_), absl::nullopt);
  EXPECT_EQ(throttle_.Admit("d", now_), absl::nullopt);
  // They have theirs still.
  EXPECT_EQ(throttle_.Admit("a", now_), absl::nullopt);
  EXPECT_EQ(throttle_.Admit("a", now_ + kMinute), 1U);
}

TEST_F(PrincipalThrottleTest, WhoIsForgottenIsCountedWithTheOthers) {
  for (const char* known : {"a", "b"}) throttle_.Admit(known, now_);
  throttle_.Admit("a", now_);
  throttle_.Admit("a", now_);
  throttle_.Admit("c", now_ + almost_);
  throttle_.Admit("c", now_ + almost_);
  // The minutes of the first two are over, and that of the third is not.
  now_ += kMinute;
  for (const char* next : {"d", "e"})
    EXPECT_EQ(throttle_.Admit(next, now_), 0U);
  EXPECT_EQ(throttle_.Admit("c", now_), absl::nullopt);
  EXPECT_EQ(throttle_.Admit("f", now_), 2U);
  EXPECT_EQ(throttle_.Admit("c", now_ + almost_), 2U);
}

TEST_F(PrincipalThrottleTest, AFloodOfNamesIsAFewLinesAMinute) {
  PrincipalThrottle throttle;
  size_t lines = 0;
  for (int i = 0; i < 100'000; ++i) {
    if (throttle.Admit(absl::StrCat("name", i), now_)) ++lines;
  }
  EXPECT_EQ(lines, PrincipalThrottle::kKnown + 1);
}

}  // namespace
}  // namespace msgproc::processor
