#include "tools/ctl/drain_progress.h"

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::ctl {
namespace {

using testing::ElementsAre;
using Verdict = DrainProgress::Verdict;

const absl::Time kBegun = absl::FromUnixSeconds(1000);

absl::Time At(double seconds) { return kBegun + absl::Seconds(seconds); }

TEST(DrainProgressTest, TellsAtOnceAndThenEverLessOften) {
  DrainProgress progress(absl::Minutes(5), kBegun);
  std::vector<int> told;
  for (int second = 0; second <= 130; ++second) {
    if (progress.TellNow(At(second))) told.push_back(second);
  }
  EXPECT_THAT(told, ElementsAre(0, 1, 3, 7, 15, 31, 61, 91, 121));
}

TEST(DrainProgressTest, IsDoneWhenNoSocketIsLeft) {
  DrainProgress progress(absl::Minutes(5), kBegun);
  EXPECT_EQ(progress.OnLeft(12, At(0)), Verdict::kGoOn);
  EXPECT_EQ(progress.TakeLine(), "12 sockets left after 0 µs");
  EXPECT_EQ(progress.OnLeft(0, At(2.5)), Verdict::kDone);
  EXPECT_EQ(progress.TakeLine(), "drained: 12 sockets gone in 2.5 s");
  EXPECT_EQ(progress.TakeLine(), "");
}

TEST(DrainProgressTest, AnEmptyServerIsDrainedAtOnce) {
  DrainProgress progress(absl::Minutes(5), kBegun);
  EXPECT_EQ(progress.OnLeft(0, At(0)), Verdict::kDone);
  EXPECT_EQ(progress.TakeLine(), "drained: 0 sockets gone in 0 µs");
}

TEST(DrainProgressTest, SaysWhatChangesOnceASecondAtMost) {
  DrainProgress progress(absl::Minutes(5), kBegun);
  progress.OnLeft(12, At(0));
  progress.TakeLine();
  progress.OnLeft(5, At(0.9));
  EXPECT_EQ(progress.TakeLine(), "");
  progress.OnLeft(1, At(1));
  EXPECT_EQ(progress.TakeLine(), "1 socket left after 1.0 s");
}

TEST(DrainProgressTest, SaysThatNothingChangesEveryTenSeconds) {
  DrainProgress progress(absl::Minutes(5), kBegun);
  progress.OnLeft(3, At(0));
  progress.TakeLine();
  EXPECT_EQ(progress.OnLeft(3, At(9.9)), Verdict::kGoOn);
  EXPECT_EQ(progress.TakeLine(), "");
  EXPECT_EQ(progress.OnLeft(3, At(10)), Verdict::kGoOn);
  EXPECT_EQ(progress.TakeLine(), "3 sockets left after 10 s");
}

TEST(DrainProgressTest, GivesUpInTime) {
  DrainProgress progress(absl::Seconds(60), kBegun);
  EXPECT_EQ(progress.OnLeft(3, At(59.9)), Verdict::kGoOn);
  progress.TakeLine();
  EXPECT_EQ(progress.OnLeft(3, At(60)), Verdict::kGivenUp);
  EXPECT_EQ(progress.TakeLine(), "given up after 60 s: 3 sockets left");
}

TEST(DrainProgressTest, WhatIsGoneAtTheLastMomentIsGone) {
  DrainProgress progress(absl::Seconds(60), kBegun);
  EXPECT_EQ(progress.OnLeft(0, At(60)), Verdict::kDone);
}

}  // namespace
}  // namespace msgproc::ctl
