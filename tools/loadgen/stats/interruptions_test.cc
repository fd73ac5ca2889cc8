#include "tools/loadgen/stats/interruptions.h"

#include <optional>

#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

TEST(InterruptionTrackerTest, AGapWithMessagesWaitingIsAnInterruption) {
  InterruptionTracker tracker;
  tracker.Disconnected(1000);
  tracker.Connected(1500, 900);
  EXPECT_EQ(tracker.found().count, 1U);
  EXPECT_EQ(tracker.found().longest, 500);
}

TEST(InterruptionTrackerTest, AGapWithNothingWaitingIsNone) {
  InterruptionTracker tracker;
  tracker.Disconnected(1000);
  tracker.Connected(1500, std::nullopt);
  EXPECT_EQ(tracker.found().count, 0U);
}

TEST(InterruptionTrackerTest, ItBeginsWithTheFirstMessageThatHadToWait) {
  InterruptionTracker tracker;
  tracker.Disconnected(1000);
  tracker.Connected(1500, 1400);
  EXPECT_EQ(tracker.found().longest, 100);
}

TEST(InterruptionTrackerTest, FailedAttemptsProlongTheSameGap) {
  InterruptionTracker tracker;
  tracker.Disconnected(1000);
  tracker.Disconnected(1200);
  tracker.Disconnected(1400);
  tracker.Connected(2000, 900);
  EXPECT_EQ(tracker.found().count, 1U);
  EXPECT_EQ(tracker.found().longest, 1000);
}

TEST(InterruptionTrackerTest, TheFirstConnectingIsNone) {
  InterruptionTracker tracker;
  tracker.Connected(1000, 500);
  EXPECT_EQ(tracker.found().count, 0U);
}

TEST(InterruptionTrackerTest, AGapThatNeverEndsCountsUntilTheEnd) {
  InterruptionTracker tracker;
  tracker.Disconnected(1000);
  tracker.Finish(4000, 900);
  EXPECT_EQ(tracker.found().longest, 3000);
}

TEST(InterruptionTrackerTest, StreamsAddUp) {
  Interruptions all;
  all.Add(Interruptions{2, 300, 400});
  all.Add(Interruptions{1, 500, 500});
  EXPECT_EQ(all.count, 3U);
  EXPECT_EQ(all.longest, 500);
  EXPECT_EQ(all.total, 900);
}

}  // namespace
}  // namespace msgproc::loadgen
