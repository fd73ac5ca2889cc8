#include "services/balancer/nearest_first.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/balancer/fake_roster.h"
#include "services/balancer/least_sessions.h"
#include "services/balancer/policy_kind.h"

namespace msgproc::balancer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsSubsetOf;
using ::testing::UnorderedElementsAre;

// A fleet, and clients that ask it from somewhere.
class NearestFirstTest : public testing::Test {
 protected:
  void Use(const std::vector<std::string>& localities) {
    roster_ = FakeRosterAt(localities);
    MakePolicy();
  }
  void MakePolicy() {
    policy_ = std::make_unique<NearestFirst>(
        roster_, [](std::shared_ptr<const Roster> area) {
          return std::make_unique<LeastSessions>(std::move(area));
        });
  }

  // The names of the servers that such a client is given.
  std::vector<std::string> Pick(
      const std::string& from,
      const std::vector<absl::string_view>& exclude = {}) {
    const Locality locality = *ParseLocality(from);
    const Choice choice = policy_->Pick(
        {.exclude = exclude, .locality = &locality, .counts = false}, random_);
    std::vector<std::string> names;
    for (size_t i = 0; i < choice.size(); ++i) {
      names.push_back(choice[i].server_id());
    }
    return names;
  }

  // All that are picked for such clients, in many tries.
  std::set<std::string> First(const std::string& from) {
    std::set<std::string> names;
    for (int i = 0; i < 100; ++i) names.insert(Pick(from).at(0));
    return names;
  }

  void SetSessions(const std::vector<uint64_t>& sessions) {
    for (size_t i = 0; i < sessions.size(); ++i) {
      (*roster_)[i].SetSessions(sessions[i]);
    }
    // One that has added up nothing yet.
    MakePolicy();
  }

  std::mt19937_64 random_{1};
  std::shared_ptr<const Roster> roster_;
  std::unique_ptr<NearestFirst> policy_;
};

TEST_F(NearestFirstTest, TheZoneComesBeforeTheRegionAndThatBeforeTheRest) {
  Use({"eu/a", "eu/b", "us/a", "eu/a"});
  EXPECT_THAT(First("eu/a"), UnorderedElementsAre("s0", "s3"));
  EXPECT_THAT(First("eu/b"), ElementsAre("s1"));
  EXPECT_THAT(First("eu/c"), UnorderedElementsAre("s0", "s1", "s3"));
  EXPECT_THAT(First("eu"), UnorderedElementsAre("s0", "s1", "s3"));
  EXPECT_THAT(First("us"), ElementsAre("s2"));
}

TEST_F(NearestFirstTest, WhoIsNearToNobodyOrSaysNothingIsGivenAny) {
  Use({"eu/a", "eu/b", "us/a", "", "/a"});
  for (const std::string from : {"", "asia/a", "asia", "//rack"}) {
    EXPECT_EQ(First(from).size(), 5U) << from;
  }
  std::set<std::string> names;
  for (int i = 0; i < 100; ++i) {
    const Choice choice = policy_->Pick({}, random_);
    ASSERT_EQ(choice.size(), 4U);
    names.insert(choice[0].server_id());
  }
  EXPECT_EQ(names.size(), 5U);
}

TEST_F(NearestFirstTest, AZoneWithoutARegionIsAZone) {
  Use({"/a", "eu/a", "/b", "/a"});
  EXPECT_THAT(First("/a"), UnorderedElementsAre("s0", "s3"));
  EXPECT_THAT(First("eu/a"), ElementsAre("s1"));
}

TEST_F(NearestFirstTest, TwoPlacesAreForTheZoneAndTheOthersForTheNextNearest) {
  Use({"eu/a", "eu/a", "eu/a", "eu/b", "us/a", "us/b"});
  for (int i = 0; i < 50; ++i) {
    const auto names = Pick("eu/a");
    ASSERT_EQ(names.size(), 4U);
    EXPECT_THAT(std::vector<std::string>(names.begin(), names.begin() + 2),
                IsSubsetOf({"s0", "s1", "s2"}));
    EXPECT_EQ(names[2], "s3");
    EXPECT_THAT(names[3], ::testing::AnyOf("s4", "s5"));
  }
}

TEST_F(NearestFirstTest, AZoneOfOneIsFollowedByItsRegion) {
  Use({"us/a", "eu/a", "eu/b", "us/b"});
  const auto names = Pick("eu/a");
  ASSERT_EQ(names.size(), 4U);
  EXPECT_EQ(names[0], "s1");
  EXPECT_EQ(names[1], "s2");
}

TEST_F(NearestFirstTest, WithoutAnythingOutsideTheZoneHasAllPlaces) {
  Use({"eu/a", "eu/a", "eu/a", "eu/a", "eu/a"});
  EXPECT_EQ(Pick("eu/a").size(), 4U);
  Use({"eu/a", "eu/a", "eu/a", "us/b"});
  const auto names = Pick("eu/a");
  ASSERT_EQ(names.size(), 4U);
  EXPECT_EQ(names[2], "s3");
}

TEST_F(NearestFirstTest, ARegionIsListedWholeBeforeTheRest) {
  Use({"us/a", "eu/a", "us/b", "eu/b", "us/c", "eu/c"});
  for (int i = 0; i < 50; ++i) {
    auto names = Pick("eu");
    ASSERT_EQ(names.size(), 4U);
    names.resize(3);
    EXPECT_THAT(names, UnorderedElementsAre("s1", "s3", "s5"));
  }
}

TEST_F(NearestFirstTest, WhoeverIsGoneOrExcludedIsPassedOverForTheNextNearest) {
  Use({"eu/a", "eu/b", "us/a"});
  EXPECT_EQ(Pick("eu/a", {"s0:1"}).at(0), "s1");
  EXPECT_EQ(Pick("eu/a", {"s0:1", "s1:1"}).at(0), "s2");
  EXPECT_EQ(Pick("eu/a", {"s0:1", "s1:1", "s2:1"}).at(0), "s0");
  (*roster_)[0].SetAvailable(false);
  EXPECT_THAT(Pick("eu/a"), ElementsAre("s1", "s2"));
  (*roster_)[1].SetAvailable(false);
  EXPECT_THAT(Pick("eu/a"), ElementsAre("s2"));
}

// Three zones of one region; each holds a third of the weight.
constexpr int kFull = 125;

TEST_F(NearestFirstTest, AZoneIsFullAtFiveQuartersOfItsShareAndNotBelow) {
  Use({"eu/a", "eu/b", "eu/c"});
  SetSessions({kFull - 1, 88, 88});
  EXPECT_THAT(First("eu/a"), ElementsAre("s0"));
  SetSessions({kFull, 88, 87});
  EXPECT_THAT(First("eu/a"), UnorderedElementsAre("s1", "s2"));
  // Full, it is still better than nobody.
  EXPECT_THAT(Pick("eu/a", {"s1:1", "s2:1"}), ElementsAre("s0"));
  EXPECT_EQ(Pick("eu/a").size(), 3U);
  EXPECT_EQ(Pick("eu/a").back(), "s0");
}

TEST_F(NearestFirstTest, AFullRegionIsPassedOverToo) {
  Use({"eu/a", "eu/b", "us/a", "us/b"});
  SetSessions({150, 150, 50, 50});
  EXPECT_THAT(First("eu/a"), UnorderedElementsAre("s2", "s3"));
  EXPECT_THAT(First("eu"), UnorderedElementsAre("s2", "s3"));
  auto names = Pick("eu/a");
  ASSERT_EQ(names.size(), 4U);
  EXPECT_EQ(names[2], "s1") << "of the region before the zone";
  EXPECT_EQ(names[3], "s0");
  SetSessions({150, 90, 70, 90});
  EXPECT_THAT(First("eu/a"), ElementsAre("s1"));
}

TEST_F(NearestFirstTest, SharesFollowTheWeights) {
  std::vector<std::shared_ptr<Member>> members = {
      std::make_shared<Member>("s0", "s0:1", 3, Locality{"eu", "a", ""}),
      std::make_shared<Member>("s1", "s1:1", 1, Locality{"eu", "b", ""})};
  roster_ = std::make_shared<const Roster>(std::move(members));
  SetSessions({370, 30});
  EXPECT_THAT(First("eu/a"), ElementsAre("s0"));
  SetSessions({376, 24});
  EXPECT_THAT(First("eu/a"), ElementsAre("s1"));
}

TEST_F(NearestFirstTest, AZoneOfFewSocketsIsNeverFull) {
  Use({"eu/a", "eu/a", "us/b"});
  SetSessions({16, 15, 0});
  EXPECT_THAT(First("eu/a"), ElementsAre("s1"));
  SetSessions({16, 16, 0});
  EXPECT_THAT(First("eu/a"), ElementsAre("s2"));
}

TEST_F(NearestFirstTest, TheOnlyZoneIsNeverFull) {
  Use({"eu/a", "eu/a"});
  SetSessions({1000, 1000});
  EXPECT_THAT(First("eu/a"), UnorderedElementsAre("s0", "s1"));
}

TEST_F(NearestFirstTest, ClientsOfOneZoneFillItAndSpillOverEvenly) {
  Use({"eu/a", "eu/b", "eu/c", "us/a"});
  const Locality from = {"eu", "a", ""};
  for (int i = 0; i < 2000; ++i) {
    policy_->Pick({.locality = &from}, random_);
  }
  const auto load = [this](int i) {
    return static_cast<double>((*roster_)[i].load());
  };
  // 500 each would be even. The region is full, too, then.
  EXPECT_NEAR(load(0), 625, 10);
  EXPECT_NEAR(load(0) + load(1) + load(2), 1875, 20);
  EXPECT_NEAR(load(1), 625, 30);
  EXPECT_NEAR(load(2), 625, 30);
  EXPECT_NEAR(load(3), 125, 20);
}

TEST_F(NearestFirstTest, APickCountsOnceAndOnlyIfItIsMeantTo) {
  Use({"eu/a", "eu/b"});
  Pick("eu/a");
  EXPECT_EQ((*roster_)[0].load() + (*roster_)[1].load(), 0U);
  const Locality from = {"eu", "a", ""};
  policy_->Pick({.locality = &from}, random_);
  EXPECT_EQ((*roster_)[0].load(), 1U);
  EXPECT_EQ((*roster_)[1].load(), 0U);
}

TEST_F(NearestFirstTest, AnEmptyFleetHasNobody) {
  Use({});
  EXPECT_TRUE(Pick("eu/a").empty());
}

TEST_F(NearestFirstTest, IsOfUseWhereSomebodySaysWhereItIs) {
  EXPECT_FALSE(NearestFirst::IsOfUse(*FakeRosterAt({})));
  EXPECT_FALSE(NearestFirst::IsOfUse(*FakeRosterAt({"", "//rack"})));
  EXPECT_TRUE(NearestFirst::IsOfUse(*FakeRosterAt({"", "eu"})));
  EXPECT_TRUE(NearestFirst::IsOfUse(*FakeRosterAt({"/a", ""})));
}

TEST(NearestFirstPolicyTest, EveryPolicyIsNearestFirst) {
  std::mt19937_64 random(1);
  for (const PolicyKind kind :
       {PolicyKind::kLeastSessions, PolicyKind::kRoundRobin,
        PolicyKind::kRandom, PolicyKind::kConsistentHash}) {
    const auto policy = NewPickPolicy(
        kind, FakeRosterAt({"eu/a", "eu/b", "eu/b", "us/a"}), random);
    const Locality from = {"eu", "b", ""};
    std::set<std::string> names;
    for (int i = 0; i < 30; ++i) {
      const std::string key = std::to_string(i);
      const Choice choice = policy->Pick(
          {.affinity_key = key, .locality = &from, .counts = false}, random);
      ASSERT_EQ(choice.size(), 4U);
      names.insert(choice[0].server_id());
    }
    EXPECT_THAT(names, UnorderedElementsAre("s1", "s2")) << PolicyName(kind);
  }
}

}  // namespace
}  // namespace msgproc::balancer
