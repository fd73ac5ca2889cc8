#include "services/balancer/least_sessions.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "services/balancer/fake_roster.h"

namespace msgproc::balancer {
namespace {

TEST(LeastSessionsTest, AThunderingHerdSpreadsBetweenReports) {
  const auto roster = FakeRoster(1000);
  const LeastSessions policy(roster);
  std::mt19937_64 random(1);
  for (int i = 0; i < 100000; ++i) policy.Pick({}, random);
  uint64_t most = 0;
  uint64_t least = 100000;
  for (size_t i = 0; i < roster->size(); ++i) {
    most = std::max(most, (*roster)[i].load());
    least = std::min(least, (*roster)[i].load());
  }
  // The mean is 100; drawing one server instead of two leaves about 70 to 135.
  EXPECT_LE(most, 106U);
  EXPECT_GE(least, 85U);
}

TEST(LeastSessionsTest, NewSocketsFillTheEmptyServers) {
  const auto roster = FakeRoster(10);
  for (size_t i = 0; i < 5; ++i) (*roster)[i].SetSessions(1000);
  const LeastSessions policy(roster);
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) policy.Pick({}, random);
  uint64_t on_the_new = 0;
  for (size_t i = 5; i < 10; ++i) on_the_new += (*roster)[i].load();
  // Only pairs of two full ones, 2 of 9, cannot avoid them.
  EXPECT_GT(on_the_new, 700U);
}

TEST(LeastSessionsTest, OfTwoServersTheEmptierIsTaken) {
  const auto roster = FakeRoster(2);
  (*roster)[0].SetSessions(5);
  const LeastSessions policy(roster);
  std::mt19937_64 random(1);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(policy.Pick({}, random)[0].server_id(), "s1");
  }
}

TEST(LeastSessionsTest, TheLeastLoadedAlternativeComesFirst) {
  const auto roster = FakeRoster(4);
  for (size_t i = 0; i < 4; ++i) (*roster)[i].SetSessions(100 * (i + 1));
  const LeastSessions policy(roster);
  std::mt19937_64 random(1);
  for (int i = 0; i < 20; ++i) {
    const Choice choice = policy.Pick({}, random);
    ASSERT_EQ(choice.size(), 4U);
    EXPECT_LT(choice[1].load(), choice[2].load());
    EXPECT_LT(choice[2].load(), choice[3].load());
  }
}

TEST(LeastSessionsTest, EachAlternativeIsTheBetterOfTwo) {
  const auto roster = FakeRoster(1000);
  for (size_t i = 0; i < 500; ++i) (*roster)[i].SetSessions(100000);
  const LeastSessions policy(roster);
  std::mt19937_64 random(1);
  int on_the_full = 0;
  for (int i = 0; i < 400; ++i) {
    const Choice choice = policy.Pick({}, random);
    ASSERT_EQ(choice.size(), 4U);
    for (size_t j = 1; j < choice.size(); ++j) {
      if (choice[j].load() >= 100000) ++on_the_full;
    }
  }
  // A quarter of 1,200: where both of the two are full.
  EXPECT_NEAR(on_the_full, 300, 60);
}

TEST(LeastSessionsTest, AHeavyServerAmongManyLightOnesGetsItsShare) {
  std::vector<double> weights(100, 1.0);
  weights[7] = 100;
  const auto roster = FakeRoster(weights);
  const LeastSessions policy(roster);
  std::mt19937_64 random(1);
  for (int i = 0; i < 19900; ++i) policy.Pick({}, random);
  EXPECT_NEAR(static_cast<double>((*roster)[7].load()), 10000, 500);
}

}  // namespace
}  // namespace msgproc::balancer
