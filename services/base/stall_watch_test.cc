#include "services/base/stall_watch.h"

#include "gtest/gtest.h"

namespace msgproc::base {
namespace {

class StallWatchTest : public ::testing::Test {
 protected:
  StallWatchTest() { watch_.Look(now_); }

  // Looks `count` times, an interval after another.
  void Look(int count) {
    for (int i = 0; i < count; ++i) watch_.Look(now_ += kInterval);
  }

  static constexpr absl::Duration kInterval = absl::Milliseconds(250);
  absl::Time now_ = absl::UnixEpoch();
  StallWatch watch_{kInterval};
};

TEST_F(StallWatchTest, AThreadThatBeatsDoesNotStall) {
  StallWatch::Pulse* const pulse = watch_.Watch("x");
  for (int i = 0; i < 10; ++i) {
    pulse->Beat();
    Look(1);
    EXPECT_EQ(watch_.longest().silence, absl::ZeroDuration());
  }
}

TEST_F(StallWatchTest, ItsSilenceGrowsUntilItMovesAgain) {
  StallWatch::Pulse* const still = watch_.Watch("still");
  StallWatch::Pulse* const other = watch_.Watch("other");
  for (int i = 1; i <= 20; ++i) {
    other->Beat();
    Look(1);
    EXPECT_EQ(watch_.longest().name, "still");
    EXPECT_EQ(watch_.longest().silence, i * kInterval);
  }
  still->Beat();
  other->Beat();
  Look(1);
  EXPECT_EQ(watch_.longest().silence, absl::ZeroDuration());
  Look(2);
  EXPECT_EQ(watch_.longest().silence, 2 * kInterval);
}

TEST_F(StallWatchTest, ATimeInWhichNobodyLookedIsNotHeldAgainstIt) {
  watch_.Watch("x");
  Look(1);
  now_ += absl::Hours(1);
  Look(1);
  EXPECT_EQ(watch_.longest().silence, 3 * kInterval);
  now_ -= absl::Hours(2);
  Look(1);
  EXPECT_EQ(watch_.longest().silence, 3 * kInterval);
}

TEST_F(StallWatchTest, OneThatHasEndedIsNotWaitedFor) {
  StallWatch::Pulse* const pulse = watch_.Watch("x");
  Look(4);
  EXPECT_EQ(watch_.stalls().size(), 1u);
  pulse->Retire();
  EXPECT_TRUE(watch_.stalls().empty());
  EXPECT_EQ(watch_.longest().silence, absl::ZeroDuration());
}

}  // namespace
}  // namespace msgproc::base
