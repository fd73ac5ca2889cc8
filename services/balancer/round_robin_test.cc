#include "services/balancer/round_robin.h"

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/balancer/fake_roster.h"

namespace msgproc::balancer {
namespace {

std::string Picks(const std::vector<double>& weights, int count) {
  const RoundRobin policy(FakeRoster(weights), /*start=*/0);
  std::mt19937_64 random(1);
  std::string picks;
  for (int i = 0; i < count; ++i) {
    picks += policy.Pick({}, random)[0].server_id().substr(1);
  }
  return picks;
}

TEST(RoundRobinTest, EqualServersTakeTurns) {
  EXPECT_EQ(Picks({1, 1, 1}, 9), "012012012");
}

TEST(RoundRobinTest, WhatFollowsFromWeightsIsTheSameEverywhere) {
  EXPECT_EQ(Picks({5, 1, 1}, 35), "00100200010020001002000100200010020");
  EXPECT_EQ(Picks({2, 1, 1.5}, 20), "01020120201020120201");
}

TEST(RoundRobinTest, TheAlternativesAreThoseWhoseTurnComesNext) {
  const RoundRobin policy(FakeRoster(5), /*start=*/0);
  std::mt19937_64 random(1);
  const Choice choice = policy.Pick({}, random);
  ASSERT_EQ(choice.size(), 4U);
  for (size_t i = 0; i < choice.size(); ++i) {
    EXPECT_EQ(choice[i].server_id(), absl::StrCat("s", i));
  }
}

TEST(RoundRobinTest, ALighterServerSitsOutRoundsEvenlySpaced) {
  const std::string picks = Picks({5, 1, 1}, 70);
  for (size_t start = 0; start + 7 <= picks.size(); start += 7) {
    const std::string round = picks.substr(start, 7);
    EXPECT_NEAR(std::count(round.begin(), round.end(), '0'), 5, 1) << picks;
  }
  EXPECT_NEAR(std::count(picks.begin(), picks.end(), '1'), 10, 1);
  EXPECT_NEAR(std::count(picks.begin(), picks.end(), '2'), 10, 1);
  // NGINX's smooth weighted round robin never goes beyond four in a row here.
  EXPECT_EQ(picks.find("00000"), std::string::npos) << picks;
}

TEST(RoundRobinTest, ManyLightServersAreDueInDifferentRounds) {
  std::vector<double> weights(11, 1.0);
  weights[0] = 10;
  // Each round is one place for the heavy one, and one light one on average.
  const std::string picks = [&] {
    const RoundRobin policy(FakeRoster(weights), /*start=*/0);
    std::mt19937_64 random(1);
    std::string heavy_or_light;
    for (int i = 0; i < 200; ++i) {
      heavy_or_light +=
          policy.Pick({}, random)[0].server_id() == "s0" ? 'H' : 'l';
    }
    return heavy_or_light;
  }();
  EXPECT_EQ(picks.find("HHHH"), std::string::npos) << picks;
  EXPECT_EQ(picks.find("llll"), std::string::npos) << picks;
}

TEST(RoundRobinTest, AnExcludedServersTurnGoesToAnother) {
  const RoundRobin policy(FakeRoster(3), /*start=*/0);
  std::mt19937_64 random(1);
  const std::vector<absl::string_view> exclude = {"s1:1"};
  std::string picks;
  for (int i = 0; i < 4; ++i) {
    picks += policy.Pick({"", exclude}, random)[0].server_id().substr(1);
  }
  EXPECT_EQ(picks, "0202");
}

}  // namespace
}  // namespace msgproc::balancer
