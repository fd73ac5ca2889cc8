#include "wire/gatherer.h"

#include "gtest/gtest.h"

namespace msgproc::wire {
namespace {

class GathererTest : public testing::Test {
 protected:
  // After this a frame with a message is worth a look.
  GathererTest() {
    for (int i = 0; i < GatherPolicy::kProbeFrames; ++i) Frame();
    EXPECT_TRUE(gatherer_.gathering());
  }

  void Frame() {
    gatherer_.OnFrame();
    gatherer_.Consider(1, 64);
  }

  Gatherer gatherer_;
};

TEST_F(GathererTest, AFrameThatBringsNothingToWriteHoldsNothingBack) {
  gatherer_.OnFrame();
  gatherer_.Consider(0, 0);
  EXPECT_FALSE(gatherer_.gathering());
}

TEST_F(GathererTest, NothingToWriteIsNotHeldBackWhereItWasWorthItEither) {
  gatherer_.Mark();
  gatherer_.OnFrame();
  gatherer_.OnReached(/*processing=*/false);
  gatherer_.Consider(0, 0);
  EXPECT_FALSE(gatherer_.gathering());
}

TEST(NewGathererTest, HoldsNothingBack) {
  EXPECT_FALSE(Gatherer().gathering());
  EXPECT_FALSE(Gatherer().marker_in_flight());
}

TEST_F(GathererTest, WhereNothingElseHadComeItIsWritten) {
  gatherer_.Mark();
  EXPECT_TRUE(gatherer_.marker_in_flight());
  gatherer_.OnReached(/*processing=*/false);
  EXPECT_FALSE(gatherer_.marker_in_flight());
  EXPECT_FALSE(gatherer_.gathering());
}

TEST_F(GathererTest, WhereAnotherFrameHadComeItWaitsOn) {
  gatherer_.Mark();
  gatherer_.OnFrame();
  gatherer_.OnReached(/*processing=*/false);
  EXPECT_TRUE(gatherer_.gathering());
}

TEST_F(GathererTest, AFrameFromBeforeTheMarkerIsNotFoundByIt) {
  gatherer_.OnFrame();
  gatherer_.Mark();
  gatherer_.OnReached(/*processing=*/false);
  EXPECT_FALSE(gatherer_.gathering());
}

TEST_F(GathererTest, WhileAFrameIsDealtWithItWaitsForThat) {
  gatherer_.Mark();
  gatherer_.OnReached(/*processing=*/true);
  EXPECT_TRUE(gatherer_.gathering());
}

TEST_F(GathererTest, WhatWasWrittenMeanwhileIsNotHeldBackAgain) {
  gatherer_.Mark();
  gatherer_.Stop();
  gatherer_.OnFrame();
  gatherer_.OnReached(/*processing=*/false);
  EXPECT_FALSE(gatherer_.gathering());
}

TEST_F(GathererTest, AMarkerForItsOwnSakeLooksForNothing) {
  gatherer_.MarkOnly();
  EXPECT_TRUE(gatherer_.marker_in_flight());
  gatherer_.OnReached(/*processing=*/false);
  EXPECT_FALSE(gatherer_.marker_in_flight());
  EXPECT_TRUE(gatherer_.gathering());
}

TEST_F(GathererTest, LookingInVainIsGivenUpUntilTheNextProbe) {
  gatherer_.Mark();
  gatherer_.OnReached(/*processing=*/false);
  Frame();
  EXPECT_FALSE(gatherer_.gathering());
  for (int i = 1; i < GatherPolicy::kProbeFrames; ++i) Frame();
  EXPECT_TRUE(gatherer_.gathering());
}

TEST_F(GathererTest, WhereItWasWorthItEveryFrameIsLookedBehind) {
  gatherer_.Mark();
  gatherer_.OnFrame();
  gatherer_.OnReached(/*processing=*/false);
  gatherer_.Consider(1, 64);
  EXPECT_TRUE(gatherer_.gathering());
  gatherer_.Stop();
  Frame();
  EXPECT_TRUE(gatherer_.gathering());
}

TEST(GathererDeathTest, OneMarkerIsInFlightAtATime) {
  Gatherer gatherer;
  EXPECT_DEATH(gatherer.OnReached(false), "marker_in_flight");
  gatherer.Mark();
  EXPECT_DEATH(gatherer.Mark(), "marker_in_flight");
  EXPECT_DEATH(gatherer.MarkOnly(), "marker_in_flight");
}

}  // namespace
}  // namespace msgproc::wire
