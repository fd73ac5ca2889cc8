#include "services/balancer/roster_load.h"

#include <cstdint>

#include "gtest/gtest.h"
#include "services/balancer/fake_roster.h"

namespace msgproc::balancer {
namespace {

TEST(RosterLoadTest, IsTheSumOfReportsAndPicks) {
  const auto roster = FakeRoster({1, 2, 0.5});
  (*roster)[0].SetSessions(7);
  (*roster)[2].SetSessions(4);
  (*roster)[2].CountPick();
  const RosterLoad load(roster.get());
  EXPECT_EQ(load.Load(), 12);
  EXPECT_EQ(load.weight(), 3.5);
  EXPECT_EQ(load.servers(), 3U);
}

TEST(RosterLoadTest, IsAddedUpAnewOnceForEachServer) {
  const auto roster = FakeRoster(3);
  const RosterLoad load(roster.get());
  for (int round = 0; round < 5; ++round) {
    const double before = static_cast<double>((*roster)[1].load());
    for (int call = 0; call < 3; ++call) {
      EXPECT_EQ(load.Load(), before);
      (*roster)[1].CountPick();
    }
  }
}

TEST(RosterLoadTest, OfOneServerIsAlwaysAddedUp) {
  const auto roster = FakeRoster(1);
  const RosterLoad load(roster.get());
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(load.Load(), i);
    (*roster)[0].CountPick();
  }
}

TEST(RosterLoadTest, OfALargeRosterIsAddedUpEverySixtyFourCalls) {
  const auto roster = FakeRoster(1000);
  const RosterLoad load(roster.get());
  EXPECT_EQ(load.Load(), 0);
  (*roster)[999].SetSessions(5);
  for (uint64_t i = 1; i < RosterLoad::kCallsPerSum; ++i) {
    EXPECT_EQ(load.Load(), 0);
  }
  EXPECT_EQ(load.Load(), 5);
}

}  // namespace
}  // namespace msgproc::balancer
