#include "services/processor/workers/worker_estate.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/workers/testing/worker_batches.h"
#include "wire/entry.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A session, whose claim the test makes anew.
class FakeOwner final : public BatchOwner {
 public:
  void OnBatchDone(std::unique_ptr<Batch> /*batch*/) override {}
  void Reclaim(const OnReclaimed& done) override { reclaimed = done; }

  OnReclaimed reclaimed;
};

class WorkerEstateTest : public ::testing::Test {
 protected:
  WorkerEstateTest() {
    binding_.name = "ledger";
    binding_.traits.workers_commit = true;
    binding_.max_payload_bytes = 1000;
  }

  std::unique_ptr<WorkerBatch> Work(const std::shared_ptr<FakeOwner>& owner,
                                    uint64_t first, size_t messages) {
    auto work = MakeWorkerBatch(&binding_,
                                std::vector<std::string>(messages, "m"), first);
    work->batch->owner = owner;
    return work;
  }
  // The store has results `first` to `through`, the last one an Error.
  static Reclaimed Committed(uint64_t first, uint64_t through) {
    Reclaimed reclaimed;
    reclaimed.ours = true;
    reclaimed.epoch = 9;
    reclaimed.committed_through = through;
    reclaimed.results = wire::EntryLog(first);
    for (uint64_t i = first; i < through; ++i) {
      wire::AppendResult(&reclaimed.results, i, "kept");
    }
    wire::AppendError(&reclaimed.results, through, 9, "no money", false);
    return reclaimed;
  }
  static std::vector<std::string> Results(const WorkerBatch& work) {
    std::vector<std::string> results;
    for (const v1::Result& result : ResultsOf(work.batch->results)) {
      results.push_back(
          std::to_string(result.sequence()) + " " +
          (result.has_error() ? result.error().message() : result.payload()));
    }
    return results;
  }

  HandlerBinding binding_;
  const std::shared_ptr<FakeOwner> a_ = std::make_shared<FakeOwner>();
  const std::shared_ptr<FakeOwner> b_ = std::make_shared<FakeOwner>();
};

TEST_F(WorkerEstateTest, IsSettledWhenAllSessionsHaveAnswered) {
  const auto first = Work(a_, 1, 1);
  const auto second = Work(b_, 1, 1);
  auto estate = std::make_shared<WorkerEstate>(
      DeadWorker{.id = 3}, std::vector<WorkItem*>{&first->item, &second->item});
  int settled = 0;
  estate->Reclaim([&] { ++settled; });
  b_->reclaimed(Reclaimed());
  EXPECT_EQ(settled, 0);
  a_->reclaimed(Reclaimed());
  EXPECT_EQ(settled, 1);
  EXPECT_EQ(estate->worker().id, 3u);
}

TEST_F(WorkerEstateTest, WhatWasCommittedIsTakenAndTheRestKnowsTheNewEpoch) {
  const auto work = Work(a_, 5, 4);
  // It has answered the first.
  work->unanswered.Next(work->pieces);
  auto estate = std::make_shared<WorkerEstate>(
      DeadWorker{.id = 1}, std::vector<WorkItem*>{&work->item});
  estate->Reclaim([] {});
  a_->reclaimed(Committed(3, 7));
  EXPECT_EQ(estate->TakeCommitted(work.get()), 2u);
  EXPECT_THAT(Results(*work), ElementsAre("6 kept", "7 no money"));
  EXPECT_EQ(work->batch->failed, 1u);
  EXPECT_EQ(work->batch->payload_bytes, 4u);
  EXPECT_EQ(work->batch->store_epoch, 9u);
  EXPECT_EQ(SequenceOf(work->unanswered.Next(work->pieces)), 8u);
}

TEST_F(WorkerEstateTest, AllOfABatchMayHaveBeenCommittedAndNoneOfIt) {
  const auto all = Work(a_, 1, 2);
  const auto none = Work(b_, 4, 2);
  auto estate = std::make_shared<WorkerEstate>(
      DeadWorker{.id = 1}, std::vector<WorkItem*>{&all->item, &none->item});
  estate->Reclaim([] {});
  a_->reclaimed(Committed(1, 2));
  b_->reclaimed(Committed(1, 3));
  EXPECT_EQ(estate->TakeCommitted(all.get()), 2u);
  EXPECT_EQ(estate->TakeCommitted(none.get()), 0u);
  EXPECT_EQ(none->batch->store_epoch, 9u);
}

TEST_F(WorkerEstateTest, NothingIsTakenOfASessionThatIsAnothers) {
  const auto work = Work(a_, 1, 2);
  work->batch->store_epoch = 4;
  auto estate = std::make_shared<WorkerEstate>(
      DeadWorker{.id = 1}, std::vector<WorkItem*>{&work->item});
  estate->Reclaim([] {});
  a_->reclaimed(Reclaimed());
  EXPECT_EQ(estate->TakeCommitted(work.get()), 0u);
  EXPECT_THAT(Results(*work), IsEmpty());
  EXPECT_EQ(work->batch->store_epoch, 4u);
}

TEST_F(WorkerEstateTest, BehindAMessageThatWasGivenUpABatchEnds) {
  const auto work = Work(a_, 5, 4);
  work->unanswered.Next(work->pieces);
  wire::AppendResult(&work->batch->results, 5, "done");
  work->item.answered = 1;
  work->item.attempts = 3;
  AppendGivenUp(work.get(), "signal 9");
  EndBehindGivenUp(work.get());
  EXPECT_THAT(
      Results(*work),
      ElementsAre("5 done",
                  "6 The message killed its worker 3 times (signal 9)."));
  EXPECT_TRUE(work->given_up);
  EXPECT_EQ(work->item.remaining(), 1u);
  EXPECT_EQ(work->batch->size, 2u);
  MessageCursor rest;
  EXPECT_EQ(SequenceOf(rest.Next(work->batch->given_back)), 7u);
  EXPECT_EQ(SequenceOf(rest.Next(work->batch->given_back)), 8u);
  EXPECT_TRUE(rest.Done(work->batch->given_back));
}

}  // namespace
}  // namespace msgproc::processor
