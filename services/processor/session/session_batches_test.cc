#include "services/processor/session/session_batches.h"

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

class SessionBatchesTest : public testing::Test, public BatchOwner {
 protected:
  void OnBatchDone(std::unique_ptr<Batch> /*batch*/) override {}

  HandlerBinding binding_;
  std::shared_ptr<const SessionContext> context_ =
      std::make_shared<const SessionContext>(
          SessionContext{.idempotency_scope = "orders"});
  SessionBatches batches_{&binding_, 7, this};
};

TEST_F(SessionBatchesTest, ANewOneHasWhatItsRunAndSessionSay) {
  const auto batch =
      batches_.New({.epoch = 2, .first_position = 5, .size = 3}, context_);
  EXPECT_EQ(batch->binding, &binding_);
  EXPECT_EQ(batch->waiting, this);
  EXPECT_EQ(batch->context, context_);
  EXPECT_EQ(batch->idempotency_scope, "orders");
  EXPECT_EQ(batch->session_number, 7U);
  EXPECT_EQ(batch->affinity, 0U);
  EXPECT_EQ(batch->epoch, 2U);
  EXPECT_EQ(batch->first_position, 5U);
  EXPECT_EQ(batch->size, 3U);
}

TEST_F(SessionBatchesTest, WhatOthersMayHaveBegunSaysSo) {
  const auto batch_at = [this](uint64_t first) {
    return batches_.New({.epoch = 1, .first_position = first, .size = 1},
                        context_);
  };
  EXPECT_EQ(batch_at(1)->attempt, 1);
  batches_.SetTries({.begun = 3, .deaths = 2, .behind = 7}, 10);
  for (const uint64_t first : {1, 8}) {
    EXPECT_EQ(batch_at(first)->attempt, 3);
    EXPECT_EQ(batch_at(first)->deaths, 2);
  }
  EXPECT_EQ(batch_at(9)->attempt, 3);
  EXPECT_EQ(batch_at(9)->deaths, 0);
  EXPECT_EQ(batch_at(10)->attempt, 3);
  // A spare one forgets it.
  batches_.Return(batch_at(8));
  EXPECT_EQ(batch_at(11)->attempt, 1);
  batches_.Return(batch_at(8));
  EXPECT_EQ(batch_at(11)->deaths, 0);
  batches_.SetTries({.begun = UINT64_MAX}, 10);
  EXPECT_EQ(batch_at(1)->attempt, 1'000'000);
}

TEST_F(SessionBatchesTest, ASpareOneHasNothingOfItsRunBefore) {
  auto batch =
      batches_.New({.epoch = 1, .first_position = 1, .size = 4}, context_);
  const Batch* const first = batch.get();
  batch->affinity = 3;
  batch->failed = 2;
  batch->owner = std::shared_ptr<BatchOwner>(this, [](BatchOwner*) {});
  batches_.Return(std::move(batch));

  const auto other = std::make_shared<const SessionContext>(
      SessionContext{.idempotency_scope = "bills"});
  batch = batches_.New({.epoch = 1, .first_position = 5, .size = 1}, other);
  EXPECT_EQ(batch.get(), first);
  EXPECT_EQ(batch->owner, nullptr);
  EXPECT_EQ(batch->context, other);
  EXPECT_EQ(batch->idempotency_scope, "bills");
  EXPECT_EQ(batch->failed, 0U);
  EXPECT_EQ(batch->first_position, 5U);
  EXPECT_EQ(batch->size, 1U);
  // Where the one before ran is where this one should.
  EXPECT_EQ(batch->affinity, 3U);
}

TEST_F(SessionBatchesTest, CountsWhatIsOutUntilThatComesBack) {
  const Session::Run before = {.epoch = 1, .first_position = 1, .size = 1};
  const Session::Run now = {.epoch = 2, .first_position = 1, .size = 1};
  auto old = batches_.New(before, context_);
  batches_.CountOut(before, 100);
  auto young = batches_.New(now, context_);
  batches_.CountOut(now, 1000);
  EXPECT_EQ(batches_.bytes_out(), 1100U);
  // A life before is another, at the same position.
  batches_.Return(std::move(young));
  EXPECT_EQ(batches_.bytes_out(), 100U);
  batches_.Return(std::move(old));
  EXPECT_EQ(batches_.bytes_out(), 0U);
}

TEST_F(SessionBatchesTest, WhatWasNotCountedOutComesBackAllTheSame) {
  const Session::Run counted = {.epoch = 1, .first_position = 1, .size = 1};
  batches_.CountOut(counted, 100);
  batches_.Return(
      batches_.New({.epoch = 1, .first_position = 2, .size = 1}, context_));
  EXPECT_EQ(batches_.bytes_out(), 100U);
}

TEST_F(SessionBatchesTest, WhatCameBackOnceIsOutNoMore) {
  const Session::Run first = {.epoch = 1, .first_position = 1, .size = 1};
  const Session::Run second = {.epoch = 1, .first_position = 2, .size = 1};
  batches_.CountOut(first, 100);
  batches_.CountOut(second, 100);
  batches_.Return(batches_.New(first, context_));
  EXPECT_EQ(batches_.bytes_out(), 100U);
  // The same positions again, run at once and not counted out.
  batches_.Return(batches_.New(first, context_));
  EXPECT_EQ(batches_.bytes_out(), 100U);
}

TEST_F(SessionBatchesTest, AllThatFollowGoWhereTheLastOneRan) {
  const Session::Run run = {.epoch = 1, .first_position = 1, .size = 1};
  auto batch = batches_.New(run, context_);
  batch->affinity = 3;
  batches_.Return(std::move(batch));
  const auto spare = batches_.New(run, context_);
  EXPECT_EQ(spare->affinity, 3U);
  EXPECT_EQ(batches_.New(run, context_)->affinity, 3U);
}

TEST_F(SessionBatchesTest, KeepsAFewAndTrimLetsThemGo) {
  const auto use = [this] {
    std::vector<std::unique_ptr<Batch>> batches;
    int kept = 0;
    for (uint64_t i = 0; i < SessionBatches::kMaxSpare + 2; ++i) {
      batches.push_back(batches_.New(
          {.epoch = 1, .first_position = i + 1, .size = 1}, context_));
      // Memory of one that was used before.
      if (batches.back()->pieces.capacity() > 0) ++kept;
      batches.back()->pieces.reserve(16);
    }
    for (auto& batch : batches) batches_.Return(std::move(batch));
    return kept;
  };
  EXPECT_EQ(use(), 0);
  EXPECT_EQ(use(), static_cast<int>(SessionBatches::kMaxSpare));
  batches_.Trim();
  EXPECT_EQ(use(), 0);
}

}  // namespace
}  // namespace msgproc::processor
