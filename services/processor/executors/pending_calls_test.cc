#include "services/processor/executors/pending_calls.h"

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

class FakeOwner final : public BatchOwner {
 public:
  void OnBatchDone(std::unique_ptr<Batch> /*batch*/) override {}
  bool Wants(const Batch& batch) const override { return batch.epoch == epoch; }
  uint64_t epoch = 0;
};

class PendingCallsTest : public ::testing::Test {
 protected:
  ~PendingCallsTest() override { EXPECT_TRUE(calls_.CheckInvariants()); }

  PendingCalls::Ticket Add(uint64_t session, uint64_t position) {
    auto batch = std::make_unique<Batch>();
    batch->owner = owner_;
    batch->session_number = session;
    batch->first_position = position;
    return calls_.Add(std::move(batch), now_);
  }
  static std::vector<uint64_t> Positions(
      const std::vector<std::unique_ptr<Batch>>& batches) {
    std::vector<uint64_t> positions;
    for (const auto& batch : batches) {
      positions.push_back(batch->first_position);
    }
    return positions;
  }

  std::shared_ptr<FakeOwner> owner_ = std::make_shared<FakeOwner>();
  PendingCalls calls_{absl::Seconds(10)};
  absl::Time now_ = absl::UnixEpoch();
};

TEST_F(PendingCallsTest, EachLeavesOnce) {
  const auto first = Add(1, 1);
  const auto second = Add(1, 2);
  EXPECT_NE(first, second);
  EXPECT_EQ(calls_.size(), 2u);
  EXPECT_TRUE(calls_.Wanted(second));
  EXPECT_EQ(calls_.Take(second)->first_position, 2u);
  EXPECT_EQ(calls_.Take(second), nullptr);
  EXPECT_FALSE(calls_.Wanted(second));
  EXPECT_EQ(calls_.Take(first)->first_position, 1u);
  EXPECT_EQ(calls_.size(), 0u);
  // And its name is nobody else's.
  EXPECT_GT(Add(1, 3), second);
}

TEST_F(PendingCallsTest, AreDueInOrder) {
  EXPECT_EQ(calls_.NextDue(), absl::InfiniteFuture());
  Add(1, 1);
  now_ += absl::Seconds(1);
  const auto answered = Add(2, 2);
  Add(1, 3);
  now_ += absl::Seconds(1);
  Add(1, 4);
  calls_.Take(answered);
  EXPECT_EQ(calls_.NextDue(), absl::UnixEpoch() + absl::Seconds(10));
  const absl::Time due = absl::UnixEpoch() + absl::Seconds(11);
  EXPECT_THAT(calls_.TakeDue(absl::UnixEpoch() + absl::Milliseconds(9999)),
              IsEmpty());
  EXPECT_THAT(Positions(calls_.TakeDue(due)), ElementsAre(1, 3));
  EXPECT_EQ(calls_.NextDue(), absl::UnixEpoch() + absl::Seconds(12));
  EXPECT_THAT(calls_.TakeDue(due), IsEmpty());
}

TEST_F(PendingCallsTest, WithoutATimeoutNothingIsEverDue) {
  PendingCalls calls(absl::InfiniteDuration());
  calls.Add(std::make_unique<Batch>(), now_);
  EXPECT_EQ(calls.NextDue(), absl::InfiniteFuture());
  EXPECT_THAT(calls.TakeDue(now_ + absl::Hours(10000)), IsEmpty());
}

TEST_F(PendingCallsTest, WhatNobodyWantsLeavesWithItsSession) {
  const auto mine = Add(1, 1);
  Add(2, 2);
  EXPECT_THAT(calls_.TakeUnwanted(1), IsEmpty());
  owner_->epoch = 1;
  EXPECT_FALSE(calls_.Wanted(mine));
  EXPECT_THAT(Positions(calls_.TakeUnwanted(1)), ElementsAre(1));
  EXPECT_EQ(calls_.size(), 1u);
  // Of another life, which goes on.
  auto batch = std::make_unique<Batch>();
  batch->owner = owner_;
  batch->session_number = 2;
  batch->first_position = 3;
  batch->epoch = 1;
  calls_.Add(std::move(batch), now_);
  EXPECT_THAT(Positions(calls_.TakeUnwanted(2)), ElementsAre(2));
  EXPECT_THAT(Positions(calls_.TakeAll()), ElementsAre(3));
}

TEST_F(PendingCallsTest, ItsDumpSaysWhatASessionWaitsFor) {
  Add(1, 4);
  now_ += absl::Seconds(1);
  const auto first = Add(2, 7);
  now_ += absl::Seconds(1);
  Add(2, 8);
  Add(3, 1);
  StateDump dump = calls_.DumpOf(2, now_);
  EXPECT_EQ(dump.machine(), "processor::PendingCalls");
  EXPECT_EQ(dump["timeout"], "10s");
  EXPECT_EQ(dump["pending"], "4");
  EXPECT_EQ(dump["next_due"], "in 8s");
  EXPECT_EQ(dump["session_pending"], "2");
  EXPECT_EQ(dump["session_first_position"], "7");
  EXPECT_EQ(dump["session_next_due"], "in 9s");
  calls_.Take(first);
  dump = calls_.DumpOf(2, now_);
  EXPECT_EQ(dump["session_pending"], "1");
  EXPECT_EQ(dump["session_first_position"], "8");
  dump = calls_.DumpOf(4, now_);
  EXPECT_EQ(dump["session_pending"], "0");
  EXPECT_EQ(dump["session_first_position"], "");
}

}  // namespace
}  // namespace msgproc::processor
