#include "services/processor/store/group_commit.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "common/state_dump.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Time kNow = absl::FromUnixSeconds(3600);
constexpr GroupCommit::Load kSmall = {.bytes = 10};

GroupCommit::Load Bytes(size_t bytes) { return {.bytes = bytes}; }
GroupCommit::Load Work(absl::Duration work) {
  return {.bytes = 1, .work = work};
}

TEST(GroupCommitTest, ALoneSessionLeavesAtOnce) {
  GroupCommit commits({});
  EXPECT_THAT(commits.NextGroup(), IsEmpty());
  commits.OnReady(7, kSmall, kNow);
  EXPECT_THAT(commits.NextGroup(), ElementsAre(7));
  EXPECT_EQ(commits.groups_in_flight(), 1);
  EXPECT_TRUE(commits.Knows(7));
  commits.OnDone({7}, kNow);
  EXPECT_FALSE(commits.Knows(7));
}

TEST(GroupCommitTest, WhatBecomesReadyDuringACommitLeavesTogether) {
  GroupCommit commits({});
  commits.OnReady(1, kSmall, kNow);
  const auto first = commits.NextGroup();
  for (const uint64_t session : {3, 2, 1, 3}) {
    commits.OnReady(session, kSmall, kNow);
  }
  EXPECT_THAT(commits.NextGroup(), IsEmpty());
  EXPECT_EQ(commits.waiting(), 2u);
  commits.OnDone(first, kNow);
  EXPECT_THAT(commits.NextGroup(), ElementsAre(3, 2, 1));
}

TEST(GroupCommitTest, ASessionIsInOneGroupAtATime) {
  GroupCommit commits({.max_groups = 2});
  commits.OnReady(1, kSmall, kNow);
  const auto first = commits.NextGroup();
  commits.OnReady(1, kSmall, kNow);
  EXPECT_THAT(commits.NextGroup(), IsEmpty());
  commits.OnReady(2, kSmall, kNow);
  const auto second = commits.NextGroup();
  EXPECT_THAT(second, ElementsAre(2));
  commits.OnDone(second, kNow);
  EXPECT_THAT(commits.NextGroup(), IsEmpty());
  commits.OnDone(first, kNow);
  EXPECT_THAT(commits.NextGroup(), ElementsAre(1));
}

TEST(GroupCommitTest, GroupsAreBounded) {
  GroupCommit bytes({.max_groups = 9, .max_bytes = 100});
  bytes.OnReady(1, Bytes(60), kNow);
  bytes.OnReady(2, Bytes(40), kNow);
  bytes.OnReady(3, Bytes(1), kNow);
  bytes.OnReady(4, Bytes(500), kNow);
  EXPECT_THAT(bytes.NextGroup(), ElementsAre(1, 2));
  EXPECT_THAT(bytes.NextGroup(), ElementsAre(3));
  // One always fits.
  EXPECT_THAT(bytes.NextGroup(), ElementsAre(4));

  GroupCommit sessions({.max_groups = 9, .max_sessions = 2});
  for (const uint64_t session : {1, 2, 3}) {
    sessions.OnReady(session, kSmall, kNow);
  }
  EXPECT_THAT(sessions.NextGroup(), ElementsAre(1, 2));
  EXPECT_THAT(sessions.NextGroup(), ElementsAre(3));

  GroupCommit work({.max_groups = 9, .max_work = absl::Milliseconds(5)});
  work.OnReady(1, Work(absl::Milliseconds(4)), kNow);
  work.OnReady(2, Work(absl::Milliseconds(1)), kNow);
  work.OnReady(3, Work(absl::Milliseconds(1)), kNow);
  EXPECT_THAT(work.NextGroup(), ElementsAre(1, 2));
  EXPECT_THAT(work.NextGroup(), ElementsAre(3));
}

TEST(GroupCommitTest, WhatWasTakenCountsNoMore) {
  GroupCommit commits({.max_bytes = 100});
  commits.OnReady(1, Bytes(100), kNow);
  const auto first = commits.NextGroup();
  commits.OnReady(1, Bytes(60), kNow);
  commits.OnReady(2, Bytes(40), kNow);
  commits.OnDone(first, kNow);
  EXPECT_THAT(commits.NextGroup(), ElementsAre(2, 1));
}

TEST(GroupCommitTest, WhatAddsUpWhileItWaitsCountsWhole) {
  GroupCommit commits({.max_bytes = 100});
  commits.OnReady(1, Bytes(50), kNow);
  commits.OnReady(1, Bytes(50), kNow);
  commits.OnReady(2, Bytes(1), kNow);
  EXPECT_THAT(commits.NextGroup(), ElementsAre(1));
}

TEST(GroupCommitTest, AnUndoneGroupIsFirstAgainInItsOrder) {
  GroupCommit commits({.max_bytes = 100, .max_sessions = 2});
  commits.OnReady(1, Bytes(50), kNow);
  commits.OnReady(2, Bytes(50), kNow);
  commits.OnReady(3, kSmall, kNow);
  const auto group = commits.NextGroup();
  commits.OnReady(2, Bytes(1), kNow);
  commits.OnDone(group, kNow, group);
  EXPECT_EQ(commits.groups_in_flight(), 0);
  // Its second one has more to say now.
  EXPECT_THAT(commits.NextGroup(), ElementsAre(1));
}

TEST(GroupCommitTest, WorkAddsUpLikeBytes) {
  GroupCommit commits({.max_work = absl::Milliseconds(5)});
  commits.OnReady(1, Work(absl::Milliseconds(3)), kNow);
  commits.OnReady(1, Work(absl::Milliseconds(2)), kNow);
  commits.OnReady(2, Work(absl::Milliseconds(1)), kNow);
  EXPECT_THAT(commits.NextGroup(), ElementsAre(1));
}

TEST(GroupCommitTest, WhatIsUndoneWeighsWhatItDid) {
  GroupCommit commits({.max_bytes = 100, .max_work = absl::Milliseconds(5)});
  commits.OnReady(1, Work(absl::Milliseconds(4)), kNow);
  const auto group = commits.NextGroup();
  commits.OnDone(group, kNow, group);
  commits.OnReady(2, Work(absl::Milliseconds(2)), kNow);
  EXPECT_THAT(commits.NextGroup(), ElementsAre(1));
}

TEST(GroupCommitTest, HoweverOftenItIsUndoneItHasWaitedSinceTheFirst) {
  GroupCommit commits({});
  commits.OnReady(1, kSmall, kNow);
  for (int i = 1; i <= 3; ++i) {
    const auto group = commits.NextGroup();
    ASSERT_THAT(group, ElementsAre(1));
    EXPECT_EQ(commits.oldest(), kNow);
    commits.OnDone(group, kNow + absl::Seconds(i), group);
    EXPECT_EQ(commits.oldest(), kNow);
  }
}

TEST(GroupCommitTest, TellsWhoHasWaitedLongest) {
  GroupCommit commits({});
  EXPECT_EQ(commits.oldest(), absl::InfiniteFuture());
  commits.OnReady(1, kSmall, kNow);
  commits.OnReady(2, kSmall, kNow + absl::Seconds(1));
  commits.OnReady(1, kSmall, kNow + absl::Seconds(2));
  EXPECT_EQ(commits.oldest(), kNow);
  const auto group = commits.NextGroup();
  // In flight is not committed.
  EXPECT_EQ(commits.oldest(), kNow);
  commits.OnReady(2, kSmall, kNow + absl::Seconds(3));
  commits.OnDone(group, kNow + absl::Seconds(3), group);
  EXPECT_EQ(commits.oldest(), kNow);
  const auto again = commits.NextGroup();
  commits.OnReady(1, kSmall, kNow + absl::Seconds(4));
  commits.OnDone(again, kNow + absl::Seconds(5));
  EXPECT_EQ(commits.oldest(), kNow + absl::Seconds(4));
}

// Any order of events: nothing that became ready is forgotten, no session is in
// two groups, none waits while a group could leave.
TEST(GroupCommitTest, KeepsItsPromisesInAnyOrder) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 random(seed);
    const int max_groups = 1 + static_cast<int>(seed % 3);
    GroupCommit commits(
        {.max_groups = max_groups, .max_bytes = 50, .max_sessions = 4});
    std::map<uint64_t, int> owed;  // Ready and not committed.
    std::map<uint64_t, int> taken;
    std::vector<std::vector<uint64_t>> in_flight;
    absl::Time now = kNow;
    const auto finish = [&] {
      const size_t which = random() % in_flight.size();
      const auto group = in_flight[which];
      in_flight.erase(in_flight.begin() + static_cast<std::ptrdiff_t>(which));
      const bool undone = random() % 4 == 0;
      for (const uint64_t session : group) {
        if (!undone) owed[session] -= taken[session];
        taken.erase(session);
      }
      if (undone) {
        commits.OnDone(group, now, group);
      } else {
        commits.OnDone(group, now);
      }
    };
    const auto start = [&] {
      const auto group = commits.NextGroup();
      if (group.empty()) return false;
      for (const uint64_t session : group) {
        EXPECT_TRUE(taken.emplace(session, owed[session]).second);
        EXPECT_GT(owed[session], 0);
      }
      in_flight.push_back(group);
      return true;
    };
    for (int step = 0; step < 300; ++step) {
      now += absl::Milliseconds(1);
      switch (random() % 3) {
        case 0: {
          const uint64_t session = random() % 10;
          ++owed[session];
          commits.OnReady(session, Bytes(random() % 40), now);
          break;
        }
        case 1:
          start();
          break;
        default:
          if (!in_flight.empty()) finish();
      }
      ASSERT_LE(commits.groups_in_flight(), max_groups);
    }
    while (start() || !in_flight.empty()) {
      if (!in_flight.empty()) finish();
    }
    for (const auto& [session, left] : owed) {
      EXPECT_EQ(left, 0) << "session " << session << ", seed " << seed;
    }
    EXPECT_EQ(commits.oldest(), absl::InfiniteFuture());
  }
}

TEST(GroupCommitTest, ItsDumpSaysWhereASessionIs) {
  GroupCommit commits({});
  const auto dump = [&](uint64_t session) {
    return commits.DumpOf(session, kNow + absl::Seconds(2));
  };
  EXPECT_EQ(dump(7).machine(), "processor::GroupCommit");
  EXPECT_EQ(dump(7)["session"], "absent");
  commits.OnReady(7, kSmall, kNow);
  EXPECT_EQ(dump(7)["session"], "waiting");
  EXPECT_EQ(dump(7)["session_since"], "2s ago");
  EXPECT_EQ(dump(7)["session_load_bytes"], "10");
  EXPECT_EQ(dump(7)["sessions_waiting"], "1");
  EXPECT_EQ(dump(7)["oldest"], "2s ago");
  commits.NextGroup();
  EXPECT_EQ(dump(7)["session"], "in flight");
  EXPECT_EQ(dump(7)["session_taken_since"], "2s ago");
  EXPECT_EQ(dump(7)["session_since"], "never");
  EXPECT_EQ(dump(7)["session_more"], "false");
  EXPECT_EQ(dump(7)["groups_in_flight"], "1");
  EXPECT_EQ(dump(7)["sessions_in_flight"], "1");
  commits.OnReady(7, kSmall, kNow);
  EXPECT_EQ(dump(7)["session_more"], "true");
  EXPECT_EQ(commits.Dump(kNow)["session"], "");
}

}  // namespace
}  // namespace msgproc::processor
