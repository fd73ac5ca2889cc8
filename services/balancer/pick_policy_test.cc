// What holds under every policy; each policy has a test of its own besides.
#include "services/balancer/pick_policy.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "services/balancer/fake_roster.h"
#include "services/balancer/policy_kind.h"

namespace msgproc::balancer {
namespace {

class PickPolicyTest : public testing::TestWithParam<PolicyKind> {
 protected:
  std::unique_ptr<const PickPolicy> Make(std::shared_ptr<const Roster> roster) {
    return NewPickPolicy(GetParam(), std::move(roster), random_);
  }

  std::mt19937_64 random_{1};
};

INSTANTIATE_TEST_SUITE_P(
    Policies, PickPolicyTest,
    testing::Values(PolicyKind::kLeastSessions, PolicyKind::kRoundRobin,
                    PolicyKind::kRandom, PolicyKind::kConsistentHash),
    [](const auto& info) { return std::string(PolicyName(info.param)); });

TEST_P(PickPolicyTest, HasNothingToGiveFromAnEmptyRoster) {
  EXPECT_TRUE(Make(FakeRoster(0))->Pick({}, random_).empty());
}

TEST_P(PickPolicyTest, GivesTheOnlyServer) {
  const auto policy = Make(FakeRoster(1));
  for (int i = 0; i < 10; ++i) {
    const Choice choice = policy->Pick({"key", {}}, random_);
    ASSERT_EQ(choice.size(), 1U);
    EXPECT_EQ(choice[0].server_id(), "s0");
  }
}

TEST_P(PickPolicyTest, GivesUpToThreeAlternativesEachOnce) {
  for (const size_t size : {2, 3, 4, 5, 100}) {
    const auto policy = Make(FakeRoster(size));
    for (int i = 0; i < 20; ++i) {
      const Choice choice = policy->Pick({"key", {}}, random_);
      EXPECT_EQ(choice.size(), std::min(size, Choice::kMaxSize));
      std::set<std::string> addresses;
      for (size_t j = 0; j < choice.size(); ++j) {
        addresses.insert(choice[j].address());
      }
      EXPECT_EQ(addresses.size(), choice.size());
    }
  }
}

TEST_P(PickPolicyTest, HonoursExcludeAsLongAsAnyOtherIsLeft) {
  const auto policy = Make(FakeRoster(3));
  const std::vector<absl::string_view> two = {"s0:1", "s2:1"};
  const std::vector<absl::string_view> all = {"s0:1", "s1:1", "s2:1"};
  for (int i = 0; i < 20; ++i) {
    const Choice choice = policy->Pick({"key", two}, random_);
    ASSERT_EQ(choice.size(), 1U);
    EXPECT_EQ(choice[0].address(), "s1:1");
    EXPECT_EQ(policy->Pick({"key", all}, random_).size(), 3U);
  }
}

TEST_P(PickPolicyTest, FindsTheLastOneLeftAmongMany) {
  const auto roster = FakeRoster(1000);
  for (size_t i = 0; i < roster->size(); ++i)
    (*roster)[i].SetAvailable(i == 617);
  const auto policy = Make(roster);
  for (int i = 0; i < 20; ++i) {
    const Choice choice = policy->Pick({"key", {}}, random_);
    ASSERT_EQ(choice.size(), 1U);
    EXPECT_EQ(choice[0].server_id(), "s617");
  }
}

TEST_P(PickPolicyTest, NeverGivesAServerThatIsGone) {
  const auto roster = FakeRoster(3);
  const auto policy = Make(roster);
  (*roster)[1].SetAvailable(false);
  const std::vector<absl::string_view> others = {"s0:1", "s2:1"};
  for (int i = 0; i < 50; ++i) {
    // Not even when everything else is excluded.
    const Choice choice = policy->Pick({"key", others}, random_);
    for (size_t j = 0; j < choice.size(); ++j) {
      EXPECT_NE(choice[j].server_id(), "s1");
    }
  }
}

TEST_P(PickPolicyTest, CountsThePickAsLoadOfTheServerPicked) {
  const auto roster = FakeRoster(3);
  const auto policy = Make(roster);
  for (int i = 0; i < 30; ++i) policy->Pick({}, random_);
  EXPECT_EQ((*roster)[0].load() + (*roster)[1].load() + (*roster)[2].load(),
            30U);
}

TEST_P(PickPolicyTest, SharesPicksByWeight) {
  const auto roster = FakeRoster({1, 3, 4, 0.5, 1.5});
  const auto policy = Make(roster);
  for (int i = 0; i < 20000; ++i) {
    const std::string key = absl::StrCat("key", i);
    policy->Pick({key, {}}, random_);
  }
  for (size_t i = 0; i < roster->size(); ++i) {
    const double fair = 2000 * (*roster)[i].weight();
    EXPECT_NEAR(static_cast<double>((*roster)[i].load()), fair, fair * 0.26);
  }
}

// The order of alternatives with these sessions, behind a first choice with
// more than all of them.
std::string Sorted(const std::vector<uint64_t>& sessions) {
  const auto roster = FakeRoster(sessions.size() + 1);
  Choice choice;
  (*roster)[0].SetSessions(1000);
  choice.Append((*roster)[0]);
  for (size_t i = 1; i < roster->size(); ++i) {
    (*roster)[i].SetSessions(sessions[i - 1]);
    choice.Append((*roster)[i]);
  }
  choice.SortAlternatives();
  std::string order;
  for (size_t i = 0; i < choice.size(); ++i) order += choice[i].server_id();
  return order;
}

TEST(ChoiceTest, TheFirstStaysAndTheLeastLoadedAlternativeFollows) {
  EXPECT_EQ(Sorted({}), "s0");
  EXPECT_EQ(Sorted({5}), "s0s1");
  EXPECT_EQ(Sorted({5, 6}), "s0s1s2");
  EXPECT_EQ(Sorted({6, 5}), "s0s2s1");
  EXPECT_EQ(Sorted({1, 2, 3}), "s0s1s2s3");
  EXPECT_EQ(Sorted({1, 3, 2}), "s0s1s3s2");
  EXPECT_EQ(Sorted({2, 1, 3}), "s0s2s1s3");
  EXPECT_EQ(Sorted({2, 3, 1}), "s0s3s1s2");
  EXPECT_EQ(Sorted({3, 1, 2}), "s0s2s3s1");
  EXPECT_EQ(Sorted({3, 2, 1}), "s0s3s2s1");
  EXPECT_EQ(Sorted({2, 2, 2}), "s0s1s2s3") << "equals keep their order";
}

TEST(ShortlistTest, TakesEachServerOnceUntilItIsFull) {
  const auto roster = FakeRoster(7);
  const std::vector<absl::string_view> exclude = {"s1:1"};
  Choice choice;
  Shortlist list(exclude, &choice);
  EXPECT_TRUE(list.Offer((*roster)[0]));
  EXPECT_FALSE(list.Offer((*roster)[0]));
  EXPECT_FALSE(list.Offer((*roster)[1])) << "excluded";
  (*roster)[2].SetAvailable(false);
  EXPECT_FALSE(list.Offer((*roster)[2])) << "gone";
  for (size_t i = 3; i < 6; ++i) EXPECT_TRUE(list.Offer((*roster)[i]));
  EXPECT_TRUE(list.full());
  EXPECT_FALSE(list.Offer((*roster)[6]));
  EXPECT_EQ(choice.size(), 4U);
}

TEST(ShortlistTest, OutsideAZoneOrRegionTakesNobodyOfIt) {
  const auto roster = FakeRosterAt({"eu/a", "eu/b", "us/a", ""});
  const Locality zone = {"eu", "a", ""};
  Choice choice;
  Shortlist list({}, &choice, {&zone});
  EXPECT_FALSE(list.Offer((*roster)[0]));
  for (size_t i = 1; i < 4; ++i) EXPECT_TRUE(list.Offer((*roster)[i]));
  Choice of_region;
  Shortlist outside_region({}, &of_region, {&zone, Proximity::kSameRegion});
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(outside_region.Offer((*roster)[i]), i >= 2);
  }
  const Locality unknown = {"eu", "", ""};
  Choice others;
  EXPECT_TRUE(Shortlist({}, &others, {&unknown}).Offer((*roster)[0]));
}

TEST_P(PickPolicyTest, CountsNothingThatTheCallerCountsItself) {
  const auto roster = FakeRoster(2);
  const auto policy = Make(roster);
  EXPECT_FALSE(policy->Pick({.counts = false}, random_).empty());
  EXPECT_EQ((*roster)[0].load() + (*roster)[1].load(), 0U);
}

TEST(PolicyKindTest, KnowsEachPolicyByItsName) {
  for (const absl::string_view name :
       {"least_sessions", "round_robin", "random", "consistent_hash"}) {
    const auto kind = ParsePolicyKind(name);
    ASSERT_TRUE(kind.ok()) << kind.status();
    EXPECT_EQ(PolicyName(*kind), name);
  }
  EXPECT_EQ(ParsePolicyKind("best").status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace msgproc::balancer
