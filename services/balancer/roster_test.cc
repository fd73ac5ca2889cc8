#include "services/balancer/roster.h"

#include "gtest/gtest.h"

namespace msgproc::balancer {
namespace {

TEST(MemberTest, LoadIsTheSessionsReportedAndThePicksSince) {
  Member member("a", "a:1", 1);
  member.SetSessions(10);
  for (int i = 0; i < 4; ++i) member.CountPick();
  EXPECT_EQ(member.load(), 14U);
}

TEST(MemberTest, PicksThatBecameSessionsCountOnce) {
  Member member("a", "a:1", 1);
  member.SetSessions(10);
  for (int i = 0; i < 4; ++i) member.CountPick();
  member.SetSessions(14);
  EXPECT_EQ(member.load(), 14U);
}

TEST(MemberTest, PicksThatDidNotArriveFade) {
  Member member("a", "a:1", 1);
  for (int i = 0; i < 8; ++i) member.CountPick();
  member.SetSessions(0);
  EXPECT_EQ(member.load(), 4U);
  member.SetSessions(2);
  EXPECT_EQ(member.load(), 3U);
  member.SetSessions(2);
  EXPECT_EQ(member.load(), 2U);
}

TEST(MemberTest, WeightDividesTheLoad) {
  Member light("a", "a:1", 1);
  Member heavy("b", "b:1", 4);
  light.SetSessions(3);
  heavy.SetSessions(11);
  EXPECT_GT(light.relative_load(), heavy.relative_load());
}

}  // namespace
}  // namespace msgproc::balancer
