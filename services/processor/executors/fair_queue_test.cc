#include "services/processor/executors/fair_queue.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "common/state_dump.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FairQueueTest : public ::testing::Test {
 protected:
  void Push(uint64_t session, int batches = 1) {
    for (int i = 0; i < batches; ++i) {
      auto batch = std::make_unique<Batch>();
      batch->session_number = session;
      batch->first_position = ++position_;
      queue_->Push(std::move(batch), now_);
      EXPECT_TRUE(queue_->CheckInvariants());
    }
  }
  // The sessions of all batches that may run now.
  std::vector<uint64_t> Pop() {
    std::vector<uint64_t> sessions;
    while (auto batch = queue_->Pop(now_)) {
      sessions.push_back(batch->session_number);
      EXPECT_TRUE(queue_->CheckInvariants());
    }
    return sessions;
  }
  void Use(size_t threads) { queue_ = std::make_unique<FairQueue>(threads); }

  std::unique_ptr<FairQueue> queue_ = std::make_unique<FairQueue>(4);
  absl::Time now_ = absl::UnixEpoch();
  uint64_t position_ = 0;
};

TEST_F(FairQueueTest, SessionsTakeTurnsHoweverMuchEachHas) {
  Use(1);
  Push(1, 3);
  Push(2, 1);
  Push(3, 2);
  std::vector<uint64_t> sessions;
  while (auto batch = queue_->Pop(now_)) {
    sessions.push_back(batch->session_number);
    queue_->OnDone(batch->session_number, now_);
  }
  EXPECT_THAT(sessions, ElementsAre(1, 2, 3, 1, 3, 1));
}

TEST_F(FairQueueTest, ASessionsBatchesKeepTheirOrder) {
  Push(1, 3);
  for (uint64_t position = 1; position <= 3; ++position) {
    EXPECT_EQ(queue_->Pop(now_)->first_position, position);
  }
}

TEST_F(FairQueueTest, ASessionThatIsAloneMayHaveAllThreads) {
  Push(1, 6);
  EXPECT_THAT(Pop(), ElementsAre(1, 1, 1, 1));
}

TEST_F(FairQueueTest, ASessionHasHalfOfTheThreadsWhileOthersAreThere) {
  for (const size_t threads : {1, 2, 3, 4, 7}) {
    Use(threads);
    Push(1, 20);
    Push(2, 1);
    std::vector<uint64_t> expected(1 + (threads + 1) / 2, 1);
    expected[1] = 2;
    EXPECT_EQ(Pop(), expected) << threads;
    // The other one is done, and may come back at any time.
    queue_->OnDone(2, now_);
    EXPECT_THAT(Pop(), IsEmpty());
    queue_->OnDone(1, now_);
    EXPECT_THAT(Pop(), ElementsAre(1));
  }
}

TEST_F(FairQueueTest, ASessionHasAllThreadsAgainOnceTheOthersHaveGone) {
  Push(1, 9);
  Push(2, 1);
  EXPECT_THAT(Pop(), ElementsAre(1, 2, 1));
  queue_->OnDone(2, now_);
  now_ += FairQueue::kPresence;
  EXPECT_THAT(Pop(), IsEmpty());
  now_ += absl::Seconds(2);
  EXPECT_THAT(Pop(), ElementsAre(1, 1));
}

TEST_F(FairQueueTest, ASessionIsThereForAWhileAfterItsLastBatchWasDone) {
  Push(1, 9);
  Push(2, 1);
  EXPECT_THAT(Pop(), ElementsAre(1, 2, 1));
  now_ += absl::Seconds(8);
  queue_->OnDone(2, now_);
  now_ += FairQueue::kPresence;
  EXPECT_THAT(Pop(), IsEmpty());
}

TEST_F(FairQueueTest, ASessionIsThereForAsLongAsItsHandlerRuns) {
  Push(1, 9);
  Push(2, 1);
  EXPECT_THAT(Pop(), ElementsAre(1, 2, 1));
  now_ += absl::Hours(1);
  EXPECT_THAT(Pop(), IsEmpty());
  queue_->OnDone(2, now_);
  EXPECT_THAT(Pop(), IsEmpty());
}

TEST_F(FairQueueTest, ASessionWhoseWorkWasGivenBackIsThereForAWhile) {
  now_ += absl::Hours(1);
  Push(2, 1);
  queue_->TakeAll();
  Push(1, 9);
  EXPECT_THAT(Pop(), ElementsAre(1, 1));
}

TEST_F(FairQueueTest, GivesBackWhatWaits) {
  Push(1, 5);
  Push(2, 1);
  Pop();
  EXPECT_EQ(queue_->TakeAll().size(), 3u);
  EXPECT_THAT(Pop(), IsEmpty());
  Push(1);
  queue_->OnDone(1, now_);
  EXPECT_THAT(Pop(), ElementsAre(1));
}

TEST_F(FairQueueTest, ItsDumpSaysWhatASessionHasWaitingAndRunning) {
  Push(1, 3);
  Push(2);
  EXPECT_EQ(queue_->Pop(now_)->session_number, 1u);
  StateDump dump = queue_->DumpOf(1, now_ + absl::Seconds(2));
  EXPECT_EQ(dump.machine(), "processor::FairQueue");
  EXPECT_EQ(dump["threads"], "4");
  EXPECT_EQ(dump["max_threads_of_one"], "2");
  EXPECT_EQ(dump["sessions"], "2");
  EXPECT_EQ(dump["session_waiting"], "2");
  EXPECT_EQ(dump["session_running"], "1");
  EXPECT_EQ(dump["session_last_active"], "2s ago");
  EXPECT_EQ(queue_->DumpOf(3, now_)["session_waiting"], "");
}

}  // namespace
}  // namespace msgproc::processor
