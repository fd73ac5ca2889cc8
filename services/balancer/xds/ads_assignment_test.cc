#include "services/balancer/xds/ads_assignment.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/fake_clock.h"
#include "common/locality.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::balancer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class AdsAssignmentTest : public testing::Test {
 protected:
  static Fleet::Options Options() {
    Fleet::Options options;
    options.rebuild_interval = absl::ZeroDuration();
    options.registry.fail_static = absl::ZeroDuration();
    return options;
  }

  // Server i listens at 10.0.0.i:i.
  static ServerReport ReportOf(int i, bool draining = false) {
    ServerReport report;
    report.server_id = absl::StrCat("s", i);
    report.address = absl::StrCat("10.0.0.", i, ":", i);
    report.draining = draining;
    return report;
  }

  void Join(int i, const std::string& locality = "") {
    ServerReport report = ReportOf(i);
    report.locality = *ParseLocality(locality);
    const auto registration =
        fleet_.Register(report, [](const absl::Status&) {});
    ASSERT_TRUE(registration.ok()) << registration.status();
    fleet_.SetHealth(ReportOf(i).address, Health::kServing);
    registered_[i] = *registration;
  }
  void Drain(int i) {
    ASSERT_TRUE(fleet_.Report(registered_[i], ReportOf(i, true)).ok());
  }

  std::optional<XdsAssignment> Review() {
    return assignment_.Review(
        {"client", locality_},
        [this](absl::string_view address) -> std::optional<XdsEndpoint> {
          const std::vector<std::string> parts = absl::StrSplit(address, ':');
          int port = 0;
          EXPECT_TRUE(absl::SimpleAtoi(parts[1], &port));
          if (unresolved_ == port) return std::nullopt;
          return XdsEndpoint{parts[0], static_cast<uint16_t>(port)};
        },
        random_, &fleet_);
  }

  static std::vector<int> Ports(const std::vector<XdsEndpoint>& endpoints) {
    std::vector<int> ports;
    for (const XdsEndpoint& endpoint : endpoints)
      ports.push_back(endpoint.port);
    return ports;
  }
  std::vector<int> Serving() {
    const auto assignment = Review();
    return assignment.has_value() ? Ports(assignment->serving)
                                  : std::vector<int>();
  }

  FakeClock clock_;
  Fleet fleet_{Options(), &clock_, 1};
  std::map<int, Registration> registered_;
  std::mt19937_64 random_{1};
  AdsAssignment assignment_;
  int unresolved_ = 0;
  // Of the client.
  Locality locality_;
};

TEST_F(AdsAssignmentTest, AnEmptyFleetSaysNothing) {
  EXPECT_FALSE(Review().has_value());
  Join(1);
  EXPECT_THAT(Serving(), ElementsAre(1));
  // A client that has a list keeps it.
  fleet_.Lose(registered_[1]);
  EXPECT_FALSE(Review().has_value());
}

TEST_F(AdsAssignmentTest, ThePickAndTwoAlternativesAreKept) {
  for (int i = 1; i <= 6; ++i) Join(i);
  const std::vector<int> first = Serving();
  ASSERT_EQ(first.size(), AdsAssignment::kMaxServing);
  for (int i = 7; i <= 20; ++i) Join(i);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Serving(), first);
}

TEST_F(AdsAssignmentTest, WhatHasNotChangedIsNotPickedAgain) {
  Join(1);
  for (int i = 0; i < 10; ++i) EXPECT_THAT(Serving(), ElementsAre(1));
  const auto picked = fleet_.Pick({}, random_);
  ASSERT_TRUE(picked.ok());
  EXPECT_EQ(picked->choice[0].picks(), 2U);
}

TEST_F(AdsAssignmentTest, RoomIsFilledBehindWhatIsThere) {
  Join(1);
  EXPECT_THAT(Serving(), ElementsAre(1));
  Join(2);
  EXPECT_THAT(Serving(), ElementsAre(1, 2));
  Join(3);
  Join(4);
  const std::vector<int> three = Serving();
  ASSERT_EQ(three.size(), 3U);
  EXPECT_EQ(three[0], 1);
  EXPECT_EQ(three[1], 2);
  // The picked one is lost: the next takes its place, a new one the last.
  fleet_.Lose(registered_[1]);
  EXPECT_THAT(Serving(), ElementsAre(2, three[2], 7 - three[2]));
}

TEST_F(AdsAssignmentTest, WhatDrainsIsMarkedUntilItIsGone) {
  for (int i = 1; i <= 2; ++i) Join(i);
  const std::vector<int> before = Serving();
  ASSERT_EQ(before.size(), 2U);
  Drain(before[0]);
  auto assignment = Review();
  ASSERT_TRUE(assignment.has_value());
  EXPECT_THAT(Ports(assignment->serving), ElementsAre(before[1]));
  EXPECT_THAT(Ports(assignment->draining), ElementsAre(before[0]));
  fleet_.Leave(registered_[before[0]]);
  assignment = Review();
  EXPECT_THAT(Ports(assignment->serving), ElementsAre(before[1]));
  EXPECT_THAT(Ports(assignment->draining), IsEmpty());
}

TEST_F(AdsAssignmentTest, WhatDrainsAndServesAgainIsNotMarked) {
  for (int i = 1; i <= 2; ++i) Join(i);
  ASSERT_EQ(Serving().size(), 2U);
  Drain(1);
  ASSERT_THAT(Ports(Review()->draining), ElementsAre(1));
  ASSERT_TRUE(fleet_.Report(registered_[1], ReportOf(1)).ok());
  const auto assignment = Review();
  EXPECT_THAT(Ports(assignment->serving), ElementsAre(2, 1));
  EXPECT_THAT(Ports(assignment->draining), IsEmpty());
}

TEST_F(AdsAssignmentTest, OfThoseThatDrainTheLatestAreMarked) {
  for (int i = 1; i <= 5; ++i) {
    Join(i);
    ASSERT_THAT(Serving(), ElementsAre(i));
    Join(90 + i);
    ASSERT_THAT(Serving(), ElementsAre(i, 90 + i));
    fleet_.Leave(registered_[90 + i]);
    Drain(i);
  }
  Join(6);
  EXPECT_THAT(Ports(Review()->draining), UnorderedElementsAre(3, 4, 5));
}

TEST_F(AdsAssignmentTest, NearServersComeFirstAndTheLastIsFromElsewhere) {
  locality_ = {"eu", "a", ""};
  for (int i = 1; i <= 3; ++i) Join(i, "eu/a");
  for (int i = 4; i <= 6; ++i) Join(i, "eu/b");
  const auto assignment = Review();
  ASSERT_TRUE(assignment.has_value());
  ASSERT_EQ(assignment->serving.size(), 3U);
  EXPECT_EQ(assignment->serving[0].locality, locality_);
  EXPECT_EQ(assignment->serving[1].locality, locality_);
  EXPECT_EQ(assignment->serving[2].locality, (Locality{"eu", "b", ""}));
  // Whatever of it is lost.
  for (int lost = 0; lost < 2; ++lost) {
    fleet_.Lose(registered_[Serving()[0]]);
    ASSERT_EQ(Serving().size(), 3U);
    EXPECT_GE(Serving()[2], 4);
  }
  EXPECT_LE(Serving()[0], 3);
  fleet_.Lose(registered_[Serving()[0]]);
  EXPECT_THAT(Serving(), UnorderedElementsAre(4, 5, 6));
}

TEST_F(AdsAssignmentTest, TheLastPlaceBehindTwoOfTheZoneIsForAnotherZone) {
  locality_ = {"eu", "a", ""};
  Join(1, "eu/a");
  Join(2, "eu/a");
  ASSERT_THAT(Serving(), UnorderedElementsAre(1, 2));
  for (int i = 11; i <= 30; ++i) Join(i, "eu/a");
  Join(9, "us/b");
  ASSERT_EQ(Serving().size(), 3U);
  EXPECT_EQ(Serving()[2], 9);
}

TEST_F(AdsAssignmentTest, TheLastPlaceIsForTheZoneWhereAnotherIsThereAlready) {
  locality_ = {"eu", "a", ""};
  Join(1, "eu/a");
  Join(2, "us/b");
  ASSERT_THAT(Serving(), ElementsAre(1, 2));
  for (int i = 11; i <= 30; ++i) Join(i, "eu/a");
  Join(9, "us/c");
  ASSERT_EQ(Serving().size(), 3U);
  EXPECT_GE(Serving()[1], 11);
  EXPECT_EQ(Serving()[2], 2);
}

TEST_F(AdsAssignmentTest, WithoutAnythingElsewhereTheZoneHasTheLastPlace) {
  locality_ = {"eu", "a", ""};
  for (int i = 1; i <= 3; ++i) Join(i, "eu/a");
  EXPECT_THAT(Serving(), UnorderedElementsAre(1, 2, 3));
}

TEST_F(AdsAssignmentTest, AClientOfADrainedZoneComesBackAndThenStays) {
  locality_ = {"eu", "a", ""};
  Join(1, "eu/a");
  Join(2, "eu/b");
  Join(3, "us/c");
  EXPECT_THAT(Serving(), ElementsAre(1, 2, 3));
  Drain(1);
  EXPECT_THAT(Serving(), ElementsAre(2, 3));
  Join(4, "us/d");
  EXPECT_THAT(Serving(), ElementsAre(2, 3, 4));
  // One in its zone takes the first place, of a full list, too.
  Join(5, "eu/a");
  const std::vector<int> back = Serving();
  ASSERT_EQ(back.size(), 3U);
  EXPECT_EQ(back[0], 5);
  EXPECT_EQ(back[1], 2);
  // Now nothing is nearer.
  Join(6, "eu/a");
  EXPECT_EQ(Serving(), back);
}

TEST_F(AdsAssignmentTest, ANearerAlternativeComesBeforeOthers) {
  locality_ = {"eu", "a", ""};
  Join(1, "eu/a");
  EXPECT_THAT(Serving(), ElementsAre(1));
  Join(2, "us/b");
  EXPECT_THAT(Serving(), ElementsAre(1, 2));
  Join(3, "eu/a");
  EXPECT_THAT(Serving(), ElementsAre(1, 3, 2));
}

TEST_F(AdsAssignmentTest, OneThatIsAsNearMovesNobody) {
  locality_ = {"eu", "x", ""};
  Join(1, "eu/a");
  Join(2, "us/b");
  Join(3, "us/b");
  ASSERT_EQ(Serving()[0], 1);
  Join(4, "eu/b");
  EXPECT_EQ(Serving()[0], 1);
}

TEST_F(AdsAssignmentTest, AMoveNearerCountsAsLoadAndLookingForOneDoesNot) {
  locality_ = {"eu", "a", ""};
  Join(1, "us/b");
  EXPECT_THAT(Serving(), ElementsAre(1));
  for (int i = 2; i <= 4; ++i) Join(i, "us/b");
  ASSERT_EQ(Serving().size(), 3U);
  Join(5, "eu/a");
  EXPECT_EQ(Serving()[0], 5);
  const Locality here = locality_;
  const auto near = fleet_.Pick({.locality = &here, .counts = false}, random_);
  ASSERT_TRUE(near.ok());
  EXPECT_EQ(near->choice[0].picks(), 1U);
  uint64_t picks = 0;
  for (size_t i = 0; i < near->policy->roster().size(); ++i) {
    picks += near->policy->roster()[i].picks();
  }
  EXPECT_EQ(picks, 2U);
}

TEST_F(AdsAssignmentTest, WhatHasNoAddressYetIsLeftOut) {
  Join(1);
  Join(2);
  unresolved_ = 1;
  EXPECT_THAT(Serving(), ElementsAre(2));
  unresolved_ = 0;
  EXPECT_THAT(Serving(), UnorderedElementsAre(1, 2));
}

}  // namespace
}  // namespace msgproc::balancer
