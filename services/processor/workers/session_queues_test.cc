#include "services/processor/workers/session_queues.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/workers/session_ledger.h"
#include "services/processor/workers/work_item.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SessionQueuesTest : public ::testing::Test {
 protected:
  ~SessionQueuesTest() override { EXPECT_TRUE(queues_.CheckInvariants()); }

  WorkItem* Item(uint64_t session, uint64_t messages = 1) {
    WorkItem& item = items_.emplace_back();
    item.session = session;
    item.messages = messages;
    return &item;
  }
  WorkItem* Queue(uint64_t session, bool front = false) {
    WorkItem* item = Item(session);
    queues_.Queue(item, front);
    return item;
  }
  WorkItem* QueueSuspect(uint64_t session, bool front = false) {
    WorkItem* item = Item(session);
    queues_.QueueSuspect(item, front);
    return item;
  }
  SessionLedger& Of(uint64_t session) { return queues_.Of(*Item(session)); }

  // The sessions whose turn it is, one after another.
  std::vector<uint64_t> Turns() {
    std::vector<uint64_t> sessions;
    const auto all = [](SessionLedger*) { return true; };
    const auto none = [](WorkItem*) { return false; };
    while (SessionLedger* session = queues_.NextInTurn(all, none)) {
      sessions.push_back(session->waiting.front()->session);
      queues_.TakeFirst(session->waiting.front());
    }
    return sessions;
  }

  absl::Time now_ = absl::UnixEpoch();
  std::deque<WorkItem> items_;
  SessionQueues queues_;
};

TEST_F(SessionQueuesTest, SessionsTakeTurns) {
  for (const uint64_t session : {1, 1, 1, 2, 3, 3}) Queue(session);
  EXPECT_EQ(queues_.CountWaiting(), 6u);
  EXPECT_THAT(Turns(), ElementsAre(1, 2, 3, 1, 3, 1));
  EXPECT_EQ(queues_.CountWaiting(), 0u);
}

TEST_F(SessionQueuesTest, WhatComesBackStandsInFront) {
  WorkItem* second = Queue(1);
  WorkItem* first = Queue(1, /*front=*/true);
  EXPECT_THAT(Of(1).waiting, ElementsAre(first, second));
  WorkItem* later = QueueSuspect(2);
  WorkItem* sooner = QueueSuspect(2, /*front=*/true);
  EXPECT_THAT(Of(2).suspects, ElementsAre(sooner, later));
}

TEST_F(SessionQueuesTest, WhoMayNotLosesItsTurnToTheNext) {
  Queue(1);
  Queue(2);
  SessionLedger* const second = &Of(2);
  const auto none = [](WorkItem*) { return false; };
  EXPECT_EQ(
      queues_.NextInTurn(
          [&](SessionLedger* session) { return session == second; }, none),
      second);
  // It has been moved to the front, where TakeFirst finds it.
  queues_.TakeFirst(second->waiting.front());
  EXPECT_THAT(Turns(), ElementsAre(1));
}

TEST_F(SessionQueuesTest, WhatIsDroppedIsPassedOver) {
  WorkItem* dropped = Queue(1);
  Queue(2);
  const auto all = [](SessionLedger*) { return true; };
  EXPECT_EQ(
      queues_.NextInTurn(all, [&](WorkItem* item) { return item == dropped; }),
      &Of(2));
  EXPECT_TRUE(Of(1).waiting.empty());
}

TEST_F(SessionQueuesTest, ASuspectCountsUntilItIsComplete) {
  WorkItem* item = QueueSuspect(1);
  EXPECT_TRUE(item->suspect);
  EXPECT_EQ(Of(1).suspects_open, 1u);
  Of(1).suspects.pop_front();
  // The same again.
  queues_.QueueSuspect(item, /*front=*/true);
  EXPECT_EQ(Of(1).suspects_open, 1u);
  Of(1).suspects.pop_front();
  queues_.OnComplete(item);
  EXPECT_FALSE(item->suspect);
  EXPECT_EQ(Of(1).suspects_open, 0u);
  queues_.OnComplete(item);
  EXPECT_EQ(Of(1).suspects_open, 0u);
}

TEST_F(SessionQueuesTest, OthersWaitWhileOneThatIsNotWatchedDoes) {
  QueueSuspect(1);
  Queue(1);
  EXPECT_FALSE(queues_.OthersWait());
  EXPECT_TRUE(queues_.AllWatched());
  WorkItem* item = Queue(2);
  EXPECT_TRUE(queues_.OthersWait());
  EXPECT_FALSE(queues_.AllWatched());
  const SessionLedger* const second = &Of(2);
  const auto none = [](WorkItem*) { return false; };
  queues_.NextInTurn([&](SessionLedger* each) { return each == second; }, none);
  queues_.TakeFirst(item);
  EXPECT_FALSE(queues_.OthersWait());
}

TEST_F(SessionQueuesTest, TheInnocentAreSoonOutOfIt) {
  // Those that have killed nobody take turns, whatever they have to clear.
  QueueSuspect(1);
  QueueSuspect(1);
  QueueSuspect(2);
  Of(1).turn = 1;
  Of(2).turn = 2;
  EXPECT_THAT(queues_.Isolated(now_), ElementsAre(&Of(1), &Of(2)));
  // Of those that have killed as many, the one with the least to clear is next.
  Of(1).OnSharedDeath();
  Of(2).OnSharedDeath();
  EXPECT_THAT(queues_.Isolated(now_), ElementsAre(&Of(2), &Of(1)));
  Of(2).OnSharedDeath();
  EXPECT_THAT(queues_.Isolated(now_), ElementsAre(&Of(1), &Of(2)));
}

TEST_F(SessionQueuesTest, WhoIsClearedIsNotWatched) {
  WorkItem* item = QueueSuspect(1);
  EXPECT_TRUE(queues_.AnyWatched());
  Of(1).suspects.pop_front();
  queues_.OnComplete(item);
  EXPECT_THAT(queues_.Isolated(now_), IsEmpty());
  EXPECT_FALSE(queues_.AnyWatched());
}

TEST_F(SessionQueuesTest, WhoPausesIsNotAskedBeforeItsTime) {
  QueueSuspect(1);
  for (int i = 0; i <= SessionLedger::kFreeDeaths; ++i) {
    Of(1).OnOwnDeath(now_);
  }
  const absl::Time then = Of(1).not_before();
  ASSERT_GT(then, now_);
  EXPECT_THAT(queues_.Isolated(now_), IsEmpty());
  EXPECT_EQ(queues_.NextChange(now_, absl::InfiniteFuture()), then);
  const absl::Time sooner = now_ + absl::Nanoseconds(1);
  EXPECT_EQ(queues_.NextChange(now_, sooner), sooner);
  // What has come is not to come.
  EXPECT_EQ(queues_.NextChange(then, then), absl::InfiniteFuture());
  EXPECT_THAT(queues_.Isolated(then), ElementsAre(&Of(1)));
}

TEST_F(SessionQueuesTest, OneHasHalfOfTheWorkersWhereOthersAreThere) {
  Queue(1);
  EXPECT_EQ(queues_.MaxWorkersOfOne(4), SIZE_MAX);
  Queue(2);
  EXPECT_EQ(queues_.MaxWorkersOfOne(4), 2u);
  EXPECT_EQ(queues_.MaxWorkersOfOne(5), 3u);
  EXPECT_EQ(queues_.MaxWorkersOfOne(0), 1u);
  // One over which workers die has its own bound, and does not count; one that
  // only may be the culprit does.
  QueueSuspect(2);
  EXPECT_EQ(queues_.MaxWorkersOfOne(4), 2u);
  Of(2).OnSharedDeath();
  EXPECT_EQ(queues_.MaxWorkersOfOne(4), SIZE_MAX);
  Queue(3);
  EXPECT_EQ(queues_.MaxWorkersOfOne(4), 2u);
}

TEST_F(SessionQueuesTest, AllThatWaitsIsTakenOut) {
  std::vector<WorkItem*> items = {QueueSuspect(1), Queue(1)};
  std::vector<WorkItem*> taken;
  queues_.TakeWaiting(&taken);
  EXPECT_EQ(taken, items);
  EXPECT_EQ(queues_.CountWaiting(), 0u);
  EXPECT_THAT(Turns(), IsEmpty());
  Queue(1);
  EXPECT_THAT(Turns(), ElementsAre(1));
}

TEST_F(SessionQueuesTest, WhoHasBeenIdleForLongIsForgotten) {
  Queue(1);
  Of(1).last_active = Of(2).last_active = now_;
  queues_.Tidy(now_ + absl::Minutes(1));
  // The second; the first has something that waits, and counts alone.
  EXPECT_EQ(queues_.MaxWorkersOfOne(4), SIZE_MAX);
}

}  // namespace
}  // namespace msgproc::processor
