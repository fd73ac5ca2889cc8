#include "services/balancer/live/recent_events.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace msgproc::balancer {
namespace {

absl::Time At(int seconds) {
  return absl::UnixEpoch() + absl::Seconds(seconds);
}

RecentEvents::Event Joined(const std::string& server, int seconds) {
  return {.at = At(seconds), .server_id = server, .text = "registered"};
}

TEST(RecentEventsTest, TheLatestComesFirst) {
  RecentEvents recent;
  recent.Add(Joined("a", 1));
  recent.Add(Joined("b", 2));
  ASSERT_EQ(recent.events().size(), 2u);
  EXPECT_EQ(recent.events()[0].server_id, "b");
  EXPECT_EQ(recent.events()[0].at, At(2));
  EXPECT_EQ(recent.events()[1].server_id, "a");
}

TEST(RecentEventsTest, MovesThatFollowEachOtherAreOne) {
  RecentEvents recent;
  recent.AddMove("a", "b", 5, At(0));
  recent.AddMove("a", "c", 2, At(1));
  recent.Add(Joined("d", 2));
  recent.AddMove("a", "b", 4, At(15));
  ASSERT_EQ(recent.events().size(), 3u);
  EXPECT_EQ(recent.events()[0].server_id, "a");
  EXPECT_EQ(recent.events()[0].to_server_id, "b");
  EXPECT_EQ(recent.events()[0].sessions, 9u);
  EXPECT_EQ(recent.events()[0].at, At(15));
  EXPECT_EQ(recent.events()[1].server_id, "d");
  EXPECT_EQ(recent.events()[2].to_server_id, "c");
  EXPECT_EQ(recent.events()[2].sessions, 2u);
}

TEST(RecentEventsTest, ALaterMoveAndTheWayBackAreOthers) {
  RecentEvents recent;
  recent.AddMove("a", "b", 5, At(0));
  recent.AddMove("b", "a", 1, At(1));
  recent.AddMove("a", "b", 4, At(16));
  ASSERT_EQ(recent.events().size(), 3u);
  EXPECT_EQ(recent.events()[0].sessions, 4u);
  EXPECT_EQ(recent.events()[1].sessions, 1u);
  EXPECT_EQ(recent.events()[2].sessions, 5u);
}

TEST(RecentEventsTest, AnEventIsNoMove) {
  RecentEvents recent;
  RecentEvents::Event event = Joined("a", 0);
  event.to_server_id = "b";
  recent.Add(event);
  recent.AddMove("a", "b", 5, At(1));
  EXPECT_EQ(recent.events().size(), 2u);
}

TEST(RecentEventsTest, RemembersTheLastFifty) {
  RecentEvents recent;
  for (int i = 0; i < 60; ++i) recent.Add(Joined(absl::StrCat(i), i));
  ASSERT_EQ(recent.events().size(), 50u);
  EXPECT_EQ(recent.events().front().server_id, "59");
  EXPECT_EQ(recent.events().back().server_id, "10");
}

}  // namespace
}  // namespace msgproc::balancer
