#include "services/base/trim_policy.h"

#include <cstddef>

#include "gtest/gtest.h"

namespace msgproc::base {
namespace {

constexpr size_t kMiB = 1 << 20;

class TrimPolicyTest : public ::testing::Test {
 protected:
  // A second later. What is trimmed falls to `left_`.
  bool Second(size_t spare) {
    now_ += absl::Seconds(1);
    const bool trims = policy_.ShouldTrim(now_, spare);
    if (trims) policy_.OnTrimmed(now_, left_);
    return trims;
  }

  // The second in which it trims, within `most`; 0: it does not.
  int SecondsUntilTrim(size_t spare, int most = 600) {
    for (int second = 1; second <= most; ++second) {
      if (Second(spare)) return second;
    }
    return 0;
  }

  TrimPolicy policy_;
  absl::Time now_ = absl::UnixEpoch();
  size_t left_ = 30 * kMiB;
};

TEST_F(TrimPolicyTest, WhatWasSpareForSecondsIsGivenBack) {
  EXPECT_FALSE(Second(30 * kMiB));
  EXPECT_EQ(SecondsUntilTrim(1200 * kMiB), 5);
}

TEST_F(TrimPolicyTest, WhatAProcessBeginsWithIsNotSpare) {
  EXPECT_EQ(SecondsUntilTrim(1200 * kMiB), 0);
}

TEST_F(TrimPolicyTest, WhatWasUsedMeanwhileIsNotGivenBack) {
  Second(30 * kMiB);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(SecondsUntilTrim(1200 * kMiB, 4), 0);
    EXPECT_FALSE(Second(61 * kMiB));
  }
}

TEST_F(TrimPolicyTest, ALittleIsNotWorthIt) {
  Second(30 * kMiB);
  EXPECT_EQ(SecondsUntilTrim(62 * kMiB - 1), 0);
  EXPECT_EQ(SecondsUntilTrim(62 * kMiB), 5);
}

TEST_F(TrimPolicyTest, WhatCannotBeGivenBackIsNotTriedAgain) {
  Second(30 * kMiB);
  left_ = 700 * kMiB;
  EXPECT_EQ(SecondsUntilTrim(1200 * kMiB), 5);
  EXPECT_EQ(SecondsUntilTrim(700 * kMiB), 0);
  EXPECT_EQ(SecondsUntilTrim(732 * kMiB), 5);
}

// Sessions may hold what a burst has brought for minutes.
TEST_F(TrimPolicyTest, WhatIsSetFreeLongAfterTheBurstIsGivenBackToo) {
  Second(30 * kMiB);
  EXPECT_EQ(SecondsUntilTrim(40 * kMiB, 120), 0);
  EXPECT_EQ(SecondsUntilTrim(1200 * kMiB), 5);
}

TEST_F(TrimPolicyTest, AProcessMayComeToNeedLess) {
  Second(300 * kMiB);
  Second(30 * kMiB);
  EXPECT_EQ(SecondsUntilTrim(100 * kMiB), 5);
}

TEST_F(TrimPolicyTest, WhatComesBackIsGivenBackEverLessOften) {
  Second(30 * kMiB);
  EXPECT_EQ(SecondsUntilTrim(300 * kMiB), 5);
  for (const int pause : {10, 20, 40, 80, 120, 120}) {
    EXPECT_EQ(SecondsUntilTrim(300 * kMiB), pause);
  }
}

TEST_F(TrimPolicyTest, ABurstMuchLaterIsGivenBackSoon) {
  Second(30 * kMiB);
  for (int i = 0; i < 3; ++i) SecondsUntilTrim(300 * kMiB);
  // 20 s, then 40 s, and twice that without.
  EXPECT_EQ(SecondsUntilTrim(30 * kMiB, 75), 0);
  EXPECT_EQ(SecondsUntilTrim(300 * kMiB), 5);
  EXPECT_EQ(SecondsUntilTrim(300 * kMiB), 10);
}

}  // namespace
}  // namespace msgproc::base
