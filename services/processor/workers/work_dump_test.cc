#include "services/processor/workers/work_dump.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/state_dump.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/workers/worker_batch.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;

class WorkDumpTest : public ::testing::Test {
 protected:
  WorkDumpTest() {
    dispatcher_.AddWorker(1, now_);
    dispatcher_.AddWorker(2, now_);
  }

  void Enqueue(uint64_t session, uint64_t first, uint64_t messages,
               WorkerId ordered_on = 0) {
    WorkerBatch& work = works_.emplace_back();
    work.batch = std::make_unique<Batch>();
    work.batch->first_position = first;
    work.item.batch = &work;
    work.item.session = session;
    work.item.messages = messages;
    work.item.bytes = messages;
    work.item.ordered = ordered_on != 0;
    work.item.worker = ordered_on;
    // Long, so that a worker gets no second one.
    work.item.message_nanoseconds = 1'000'000'000;
    dispatcher_.Enqueue(&work.item, now_);
  }
  void Dispatch() {
    Assignment assignment;
    while (dispatcher_.NextAssignment(now_, &assignment)) {
    }
  }
  std::vector<StateDump> Dump(uint64_t session) {
    std::vector<StateDump> dumps;
    AddWorkDumps(dispatcher_, {{1, 4711}, {2, 4712}, {3, 4713}}, session,
                 now_ + absl::Seconds(2), &dumps);
    return dumps;
  }
  static std::vector<std::string> Machines(
      const std::vector<StateDump>& dumps) {
    std::vector<std::string> names;
    for (const StateDump& dump : dumps) names.push_back(dump.machine());
    return names;
  }

  absl::Time now_ = absl::UnixEpoch();
  std::deque<WorkerBatch> works_;
  Dispatcher dispatcher_{{.workers = 2}};
};

TEST_F(WorkDumpTest, OfASessionThatHasNothingTheDispatcherAloneIsThere) {
  const std::vector<StateDump> dumps = Dump(7);
  EXPECT_THAT(Machines(dumps), ElementsAre("processor::Dispatcher"));
  EXPECT_EQ(dumps[0]["workers"], "2");
  EXPECT_EQ(dumps[0]["open"], "2");
  EXPECT_EQ(dumps[0]["waiting"], "0");
}

TEST_F(WorkDumpTest, WhatWaitsAndWhatAWorkerHoldsIsNamed) {
  Enqueue(7, 1, 1);
  Dispatch();
  Enqueue(8, 1, 1);
  Dispatch();
  Enqueue(7, 2, 3);
  Enqueue(7, 5, 1);
  Dispatch();
  const std::vector<StateDump> dumps = Dump(7);
  ASSERT_THAT(Machines(dumps),
              ElementsAre("processor::Dispatcher", "processor::SessionLedger",
                          "processor::WorkerLedger"));
  EXPECT_EQ(dumps[0]["waiting"], "4");
  EXPECT_EQ(dumps[1]["waiting[0]"],
            "positions 2 to 4, 0 answered, 0 deaths over the next, worker 0");
  EXPECT_EQ(dumps[1]["waiting[1]"],
            "positions 5 to 5, 0 answered, 0 deaths over the next, worker 0");
  EXPECT_EQ(dumps[1]["waiting[2]"], "");
  const StateDump& worker = dumps[2];
  EXPECT_EQ(worker["held_since"], "2s ago");
  EXPECT_EQ(worker["held[0]"],
            "positions 1 to 1, 0 answered, 0 deaths over the next, worker " +
                std::string(worker["id"]));
  EXPECT_EQ(worker["pid"], worker["id"] == "1" ? "4711" : "4712");
  EXPECT_EQ(worker["held[1]"], "");
  for (WorkItem* item : dispatcher_.TakeWaiting()) EXPECT_NE(item, nullptr);
}

TEST_F(WorkDumpTest, WhatIsBoundToAWorkerIsNamedThere) {
  Enqueue(7, 1, 1, /*ordered_on=*/1);
  Dispatch();
  Enqueue(7, 2, 1, /*ordered_on=*/1);
  Enqueue(8, 1, 1, /*ordered_on=*/1);
  const std::vector<StateDump> dumps = Dump(7);
  ASSERT_EQ(dumps.back().machine(), "processor::WorkerLedger");
  EXPECT_EQ(dumps.back()["bound"], "2");
  EXPECT_EQ(dumps.back()["bound[0]"],
            "positions 2 to 2, 0 answered, 0 deaths over the next, worker 1, "
            "ordered");
  EXPECT_EQ(dumps.back()["bound[1]"], "");
  EXPECT_EQ(dispatcher_.TakeWaiting().size(), 2u);
}

TEST_F(WorkDumpTest, WhatMayHaveKilledAWorkerIsASuspect) {
  Enqueue(7, 5, 2);
  Dispatch();
  std::vector<WorkItem*> given_up;
  const uint64_t id = works_[0].item.worker;
  dispatcher_.RemoveWorker(id, now_, 0, &given_up);
  const std::vector<StateDump> dumps = Dump(7);
  ASSERT_THAT(Machines(dumps),
              ElementsAre("processor::Dispatcher", "processor::SessionLedger"));
  EXPECT_EQ(dumps[1]["suspects[0]"],
            "positions 5 to 6, 0 answered, 1 deaths over the next, worker " +
                std::to_string(id) + ", suspect");
  EXPECT_EQ(dispatcher_.TakeWaiting().size(), 1u);
}

}  // namespace
}  // namespace msgproc::processor
