#include "wire/gather_policy.h"

#include "gtest/gtest.h"

namespace msgproc::wire {
namespace {

TEST(GatherPolicyTest, LooksOnceInAWhileWhereItFindsNothing) {
  GatherPolicy policy;
  int looks = 0;
  for (int i = 0; i < 10 * GatherPolicy::kProbeFrames; ++i) {
    if (!policy.ShouldLook(1, 64)) continue;
    ++looks;
    policy.OnLooked(false);
  }
  EXPECT_EQ(looks, 10);
}

TEST(GatherPolicyTest, KeepsLookingWhereItFindsMore) {
  GatherPolicy policy;
  while (!policy.ShouldLook(1, 64)) {
  }
  for (int i = 0; i < 100; ++i) {
    policy.OnLooked(true);
    EXPECT_TRUE(policy.ShouldLook(1, 64));
    policy.OnLooked(false);
    EXPECT_TRUE(policy.ShouldLook(1, 64)) << "every burst has an end";
  }
  for (int i = 0; i < GatherPolicy::kHighestScore; ++i) policy.OnLooked(false);
  EXPECT_FALSE(policy.ShouldLook(1, 64));
}

// How many frames must come until it looks.
int FramesUntilLook(GatherPolicy* policy) {
  int frames = 1;
  while (!policy->ShouldLook(1, 64)) ++frames;
  return frames;
}

TEST(GatherPolicyTest, LooksFirstAtTheEndOfAProbeAndAgainOneProbeLater) {
  GatherPolicy policy;
  EXPECT_EQ(FramesUntilLook(&policy), GatherPolicy::kProbeFrames);
  policy.OnLooked(false);
  EXPECT_EQ(FramesUntilLook(&policy), GatherPolicy::kProbeFrames);
}

TEST(GatherPolicyTest, OneFindIsWorthTwoLooksInVain) {
  GatherPolicy policy;
  policy.OnLooked(true);
  policy.OnLooked(false);
  EXPECT_TRUE(policy.ShouldLook(1, 64));
  policy.OnLooked(false);
  EXPECT_FALSE(policy.ShouldLook(1, 64));
}

TEST(GatherPolicyTest, WritesWhatIsWorthAFrame) {
  GatherPolicy policy;
  policy.OnLooked(true);
  EXPECT_TRUE(policy.ShouldLook(GatherPolicy::kEnoughMessages - 1, 64));
  EXPECT_FALSE(policy.ShouldLook(GatherPolicy::kEnoughMessages, 64));
  EXPECT_FALSE(policy.ShouldLook(1, GatherPolicy::kEnoughBytes));
}

}  // namespace
}  // namespace msgproc::wire
