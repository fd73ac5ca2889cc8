#include "services/processor/workers/worker_table.h"

#include <cstdint>
#include <deque>
#include <vector>

#include "absl/time/time.h"
#include "common/state_dump.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/workers/work_item.h"
#include "services/processor/workers/worker_life.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class WorkerTableTest : public ::testing::Test {
 protected:
  WorkerTableTest() {
    for (const WorkerId id : {1, 2, 3}) table_.Add(id);
  }
  ~WorkerTableTest() override { EXPECT_TRUE(table_.CheckInvariants()); }

  WorkerLedger& Worker(WorkerId id) { return *table_.Find(id); }
  WorkItem* Item(WorkerId ordered_on = 0) {
    WorkItem& item = items_.emplace_back();
    item.messages = 100;
    item.message_nanoseconds = 1000;
    item.ordered = ordered_on != 0;
    item.worker = ordered_on;
    return &item;
  }
  // An assignment of so many messages.
  void Give(WorkerId id, uint64_t messages) {
    WorkItem* item = Item();
    item->worker = id;
    Worker(id).Hold({.item = item, .messages = messages}, now_);
    Worker(id).OnAssigned();
  }
  void Retire(WorkerId id) {
    Worker(id).life.ChangePhase(WorkerPhase::kRetiring);
  }

  absl::Time now_ = absl::UnixEpoch();
  std::deque<WorkItem> items_;
  WorkerTable table_;
};

TEST_F(WorkerTableTest, FindsThoseThatThereAre) {
  EXPECT_EQ(Worker(2).id, 2u);
  EXPECT_EQ(table_.Find(4), nullptr);
  Retire(2);
  EXPECT_EQ(table_.open(), 2u);
  table_.Remove(&Worker(2));
  EXPECT_EQ(table_.Find(2), nullptr);
  EXPECT_EQ(Worker(1).id, 1u);
  EXPECT_EQ(Worker(3).id, 3u);
}

TEST_F(WorkerTableTest, AnOrderedItemIsBoundToItsWorkerWhileThatIsOpen) {
  EXPECT_EQ(table_.BoundTo(*Item()), nullptr);
  WorkItem* item = Item(2);
  EXPECT_EQ(table_.BoundTo(*item), &Worker(2));
  item->ordered = false;
  EXPECT_EQ(table_.BoundTo(*item), nullptr);
  item->ordered = true;
  Retire(2);
  EXPECT_EQ(table_.BoundTo(*item), nullptr);
}

TEST_F(WorkerTableTest, OneThatHoldsNothingIsFoundForAnItem) {
  EXPECT_EQ(table_.IdleFor(*Item()), &Worker(1));
  Give(1, 1);
  EXPECT_EQ(table_.IdleFor(*Item()), &Worker(2));
  Worker(2).reserved = true;
  EXPECT_EQ(table_.IdleFor(*Item()), &Worker(3));
  Retire(3);
  EXPECT_EQ(table_.IdleFor(*Item()), nullptr);
}

TEST_F(WorkerTableTest, ABoundItemHasItsOwnWorkerOrNone) {
  EXPECT_EQ(table_.IdleFor(*Item(2)), &Worker(2));
  Worker(2).reserved = true;
  EXPECT_EQ(table_.IdleFor(*Item(2)), nullptr);
  Worker(2).reserved = false;
  Give(2, 1);
  EXPECT_EQ(table_.IdleFor(*Item(2)), nullptr);
  EXPECT_EQ(table_.ReservableFor(*Item(2)), &Worker(2));
  Worker(2).exclusive = true;
  EXPECT_EQ(table_.ReservableFor(*Item(2)), nullptr);
}

TEST_F(WorkerTableTest, TheOneWithTheLeastToDoIsKeptFree) {
  Give(1, 30);
  Give(2, 10);
  Give(3, 10);
  EXPECT_EQ(table_.ReservableFor(*Item()), &Worker(2));
  // What is kept for another, or another's, or about to leave, is not.
  Worker(2).reserved = true;
  EXPECT_EQ(table_.ReservableFor(*Item()), &Worker(3));
  Worker(3).exclusive = true;
  EXPECT_EQ(table_.ReservableFor(*Item()), &Worker(1));
  Retire(1);
  EXPECT_EQ(table_.ReservableFor(*Item()), nullptr);
  table_.ReleaseReservations();
  EXPECT_FALSE(Worker(2).reserved);
}

TEST_F(WorkerTableTest, CountsThoseThatAreWithSuspectsOrKeptForThem) {
  EXPECT_EQ(table_.quarantined(), 0u);
  Give(1, 1);
  Worker(1).exclusive = Worker(1).quarantined = true;
  Worker(2).reserved = true;
  EXPECT_EQ(table_.quarantined(), 2u);
  Retire(1);
  EXPECT_EQ(table_.quarantined(), 1u);
}

TEST_F(WorkerTableTest, ThoseWithRoomAreInOrderOfWhatTheyHave) {
  Give(1, 3);
  Give(2, 2);
  EXPECT_THAT(table_.WithRoom(now_),
              ElementsAre(&Worker(3), &Worker(2), &Worker(1)));
  // Of two with as much, the one where fewer sessions began.
  Worker(3).sessions_begun = 1;
  Worker(2).OnAnswered(2, now_);
  EXPECT_THAT(table_.WithRoom(now_),
              ElementsAre(&Worker(2), &Worker(3), &Worker(1)));
  Worker(3).reserved = true;
  Retire(2);
  Give(1, 1);
  EXPECT_THAT(table_.WithRoom(now_), IsEmpty());
}

TEST_F(WorkerTableTest, AnotherOneIsIdleThatHasNothingAndMayTakeSomething) {
  EXPECT_TRUE(table_.OthersIdle(Worker(1), now_));
  Give(2, 1);
  EXPECT_TRUE(table_.OthersIdle(Worker(1), now_));
  Give(3, 1);
  // It has room, and yet something.
  EXPECT_FALSE(table_.OthersIdle(Worker(1), now_));
  EXPECT_TRUE(table_.OthersIdle(Worker(2), now_));
  Worker(1).reserved = true;
  EXPECT_FALSE(table_.OthersIdle(Worker(2), now_));
}

TEST_F(WorkerTableTest, IsSilentLongerThanItMayOnly) {
  Give(2, 2);
  const absl::Duration silence = absl::Seconds(1);
  EXPECT_THAT(table_.Silent(now_ + silence, silence), IsEmpty());
  EXPECT_THAT(table_.Silent(now_ + 2 * silence, silence), ElementsAre(2));
  Worker(2).OnAnswered(1, now_ + silence);
  EXPECT_THAT(table_.Silent(now_ + 2 * silence, silence), IsEmpty());
}

TEST_F(WorkerTableTest, WhatIsBoundWaitsAndIsTakenOut) {
  EXPECT_FALSE(table_.BoundWait());
  WorkItem* first = Item(2);
  WorkItem* second = Item(3);
  second->answered = 40;
  Worker(2).bound.push_back(first);
  Worker(3).bound.push_back(second);
  EXPECT_TRUE(table_.BoundWait());
  EXPECT_EQ(table_.CountBound(), 160u);
  std::vector<WorkItem*> taken;
  table_.TakeBound(&taken);
  EXPECT_THAT(taken, ElementsAre(first, second));
  EXPECT_FALSE(table_.BoundWait());
  EXPECT_EQ(table_.CountBound(), 0u);
}

TEST_F(WorkerTableTest, AllAreIdleOnceEverythingIsAnswered) {
  EXPECT_TRUE(table_.AllIdle());
  Give(3, 2);
  Worker(3).exclusive = Worker(3).quarantined = true;
  EXPECT_FALSE(table_.AllIdle());
  EXPECT_FALSE(Worker(3).OnAnswered(1, now_));
  EXPECT_TRUE(Worker(3).exclusive);
  EXPECT_TRUE(Worker(3).OnAnswered(1, now_));
  EXPECT_TRUE(table_.AllIdle());
  // And is anybody's again.
  EXPECT_FALSE(Worker(3).exclusive);
  EXPECT_FALSE(Worker(3).quarantined);
}

TEST_F(WorkerTableTest, TheLoadIsWhatAWorkerHoldsAndWhatWaitsForIt) {
  WorkerLoad load = Worker(1).Load();
  EXPECT_EQ(load.held_messages, 0u);
  EXPECT_EQ(load.sessions, 0u);
  EXPECT_EQ(load.oldest, absl::InfiniteFuture());

  const absl::Time first = now_;
  Give(1, 5);
  now_ += absl::Seconds(1);
  Give(1, 3);
  WorkItem* bound = Item(1);
  bound->session = 7;
  Worker(1).bound.push_back(bound);
  load = Worker(1).Load();
  EXPECT_EQ(load.held_messages, 8u);
  // Both given items are of session 0.
  EXPECT_EQ(load.sessions, 2u);
  EXPECT_EQ(load.oldest, first);
  EXPECT_EQ(Worker(2).Load().held_messages, 0u);

  // A part that is answered by halves is as old as before.
  now_ += absl::Seconds(1);
  EXPECT_FALSE(Worker(1).OnAnswered(4, now_));
  EXPECT_EQ(Worker(1).Load().oldest, first);
  EXPECT_TRUE(Worker(1).OnAnswered(1, now_));
  EXPECT_EQ(Worker(1).Load().oldest, first + absl::Seconds(1));
  EXPECT_EQ(Worker(1).Load().held_messages, 3u);
}

TEST_F(WorkerTableTest, ADumpSaysWhatAWorkerHolds) {
  StateDump dump = Worker(2).Dump(now_);
  EXPECT_EQ(dump.machine(), "processor::WorkerLedger");
  EXPECT_EQ(dump["id"], "2");
  EXPECT_EQ(dump["life"], "serving");
  EXPECT_EQ(dump["held_since"], "never");
  EXPECT_EQ(dump["progress"], "never");
  Give(2, 5);
  dump = Worker(2).Dump(now_ + absl::Seconds(3));
  EXPECT_EQ(dump["in_flight"], "1");
  EXPECT_EQ(dump["held_messages"], "5");
  EXPECT_EQ(dump["given_messages"], "5");
  EXPECT_EQ(dump["held_since"], "3s ago");
  EXPECT_EQ(dump["progress"], "3s ago");
  EXPECT_EQ(dump["load"], "5us");
  EXPECT_EQ(dump["exclusive"], "false");
  Retire(2);
  EXPECT_EQ(Worker(2).Dump(now_)["life"], "retiring");
}

}  // namespace
}  // namespace msgproc::processor
