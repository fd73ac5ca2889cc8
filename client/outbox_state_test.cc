#include "client/outbox_state.h"

#include <cstdint>
#include <memory>
#include <string>

#include "gtest/gtest.h"

namespace msgproc::client {
namespace {

class OutboxStateTest : public ::testing::Test {
 protected:
  OutboxStateTest() { Start({}); }

  void Start(const KeptSession& kept) {
    state_ = std::make_unique<OutboxState>(kept);
  }
  // A program that went on after 3 results, with 2 messages left.
  void StartInTheMidst() {
    KeptSession kept;
    kept.welcomed = true;
    kept.store_generation = "g";
    kept.received_through = 3;
    kept.messages.resize(2);
    Start(kept);
  }
  // A server has answered, and that is on disk.
  void Welcome(const std::string& store_generation = "g") {
    state_->OnWelcome(store_generation);
    ASSERT_TRUE(Next());
    state_->OnWritten();
  }
  void Keep(uint64_t first, uint64_t count) {
    state_->OnTaken(first, count);
    ASSERT_TRUE(Next());
    state_->OnWritten();
  }
  // A callback returned, long ago.
  void Deliver(uint64_t through) {
    state_->OnDelivered(through, now_);
    now_ += OutboxState::kLinger;
  }
  bool Next() { return state_->NextGroup(now_, &group_); }

  absl::Time now_ = absl::UnixEpoch();
  std::unique_ptr<OutboxState> state_;
  OutboxState::Group group_;
};

TEST_F(OutboxStateTest, WithoutNewsNothingIsWritten) {
  EXPECT_FALSE(Next());
  StartInTheMidst();
  EXPECT_FALSE(Next());
}

TEST_F(OutboxStateTest, AGroupOfNothingWritesNothing) {
  const OutboxState::Group nothing;
  EXPECT_EQ(nothing.first, 1u);
  EXPECT_EQ(nothing.messages(), 0u);
  EXPECT_EQ(nothing.results, 0u);
  EXPECT_FALSE(nothing.welcomed);
  EXPECT_FALSE(nothing.ended);
}

TEST_F(OutboxStateTest, AMessageIsWrittenAtOnce) {
  state_->OnTaken(1, 1);
  ASSERT_TRUE(Next());
  EXPECT_EQ(group_.first, 1u);
  EXPECT_EQ(group_.through, 1u);
  EXPECT_EQ(group_.messages(), 1u);
  EXPECT_EQ(group_.results, 0u);
  EXPECT_FALSE(group_.welcomed);
  EXPECT_FALSE(group_.ended);
}

TEST_F(OutboxStateTest, WhatComesWhileAGroupIsInFlightSharesTheNext) {
  Welcome();
  state_->OnTaken(1, 2);
  ASSERT_TRUE(Next());
  state_->OnTaken(3, 1);
  state_->OnTaken(4, 5);
  EXPECT_FALSE(Next());
  state_->OnWritten();
  ASSERT_TRUE(Next());
  EXPECT_EQ(group_.first, 3u);
  EXPECT_EQ(group_.through, 8u);
  state_->OnWritten();
  EXPECT_FALSE(Next());
}

TEST_F(OutboxStateTest, AMessageIsKeptOnceItsGroupIsOnDisk) {
  state_->OnTaken(1, 1);
  EXPECT_FALSE(state_->IsKept(1));
  ASSERT_TRUE(Next());
  EXPECT_FALSE(state_->IsKept(1));
  state_->OnWritten();
  EXPECT_TRUE(state_->IsKept(1));
  EXPECT_FALSE(state_->IsKept(2));
}

TEST_F(OutboxStateTest, MessagesMayBeSentOnceItIsKeptThatAServerHasAnswered) {
  Keep(1, 2);
  EXPECT_EQ(state_->kept().messages, 0u);
  state_->OnWelcome("g");
  EXPECT_EQ(state_->kept().messages, 0u);
  ASSERT_TRUE(Next());
  EXPECT_TRUE(group_.welcomed);
  EXPECT_EQ(group_.store_generation, "g");
  EXPECT_EQ(group_.messages(), 0u);
  EXPECT_EQ(state_->kept().messages, 0u);
  state_->OnWritten();
  EXPECT_EQ(state_->kept().messages, 2u);
}

TEST_F(OutboxStateTest, WhatIsKnownOfTheServerIsWrittenOnce) {
  Welcome("g");
  state_->OnWelcome("g");
  EXPECT_FALSE(Next());
  StartInTheMidst();
  state_->OnWelcome("g");
  EXPECT_FALSE(Next());
}

TEST_F(OutboxStateTest, ASessionThatComesIntoAStoreIsKnownToBeThere) {
  Welcome("");
  EXPECT_EQ(group_.store_generation, "");
  Keep(1, 1);
  state_->OnWelcome("g");
  ASSERT_TRUE(Next());
  EXPECT_TRUE(group_.welcomed);
  EXPECT_EQ(group_.store_generation, "g");
  // It knew of a server before.
  EXPECT_EQ(state_->kept().messages, 1u);
}

TEST_F(OutboxStateTest, ADeliveredMessageGoesAndThenTheServerMayKnow) {
  Welcome();
  Keep(1, 3);
  Deliver(2);
  ASSERT_TRUE(Next());
  EXPECT_EQ(group_.results, 2u);
  EXPECT_EQ(group_.messages(), 0u);
  EXPECT_EQ(state_->kept().results, 0u);
  state_->OnWritten();
  EXPECT_EQ(state_->kept().results, 2u);
  EXPECT_EQ(state_->kept().messages, 3u);
  EXPECT_FALSE(Next());
}

TEST_F(OutboxStateTest, WhatIsToGoWaitsALittleForCompany) {
  Welcome();
  Keep(1, 3);
  EXPECT_EQ(state_->Due(), absl::InfiniteFuture());
  const absl::Time due = now_ + OutboxState::kLinger;
  state_->OnDelivered(1, now_);
  now_ += OutboxState::kLinger / 2;
  state_->OnDelivered(2, now_);
  // Since the first of them.
  EXPECT_EQ(state_->Due(), due);
  now_ = due - absl::Nanoseconds(1);
  EXPECT_FALSE(Next());
  now_ = due;
  ASSERT_TRUE(Next());
  EXPECT_EQ(group_.results, 2u);
  // The next ones wait anew, also while these go.
  now_ += absl::Seconds(1);
  state_->OnDelivered(3, now_);
  EXPECT_EQ(state_->Due(), now_ + OutboxState::kLinger);
  state_->OnWritten();
  EXPECT_EQ(state_->Due(), now_ + OutboxState::kLinger);
  EXPECT_FALSE(Next());
}

TEST_F(OutboxStateTest, AMessageTakesAlongWhatIsToGo) {
  Welcome();
  Keep(1, 1);
  state_->OnDelivered(1, now_);
  EXPECT_FALSE(Next());
  Keep(2, 1);
  EXPECT_EQ(group_.results, 1u);
  EXPECT_EQ(state_->Due(), absl::InfiniteFuture());
}

TEST_F(OutboxStateTest, WhatSomebodyWaitsForGoesAtOnce) {
  Welcome();
  Keep(1, 2);
  state_->OnDelivered(1, now_);
  state_->Hurry();
  ASSERT_TRUE(Next());
  EXPECT_EQ(group_.results, 1u);
  state_->OnWritten();
  // Once.
  state_->OnDelivered(2, now_);
  EXPECT_FALSE(Next());
  // Also who began to wait before there was something.
  state_->Hurry();
  ASSERT_TRUE(Next());
  state_->OnWritten();
  state_->Hurry();
  EXPECT_FALSE(Next());
  Keep(3, 1);
  state_->OnDelivered(3, now_);
  EXPECT_TRUE(Next());
}

TEST_F(OutboxStateTest, GoingAndComingShareAGroup) {
  Welcome();
  Keep(1, 3);
  Deliver(1);
  state_->OnTaken(4, 1);
  Deliver(3);
  ASSERT_TRUE(Next());
  EXPECT_EQ(group_.results, 3u);
  EXPECT_EQ(group_.first, 4u);
  EXPECT_EQ(group_.through, 4u);
  state_->OnWritten();
  // A group without results lets nothing go.
  Keep(5, 1);
  EXPECT_EQ(group_.results, 0u);
  EXPECT_EQ(state_->kept().results, 3u);
}

TEST_F(OutboxStateTest, MessagesThatComeInAnotherOrderWaitForThoseBeforeThem) {
  state_->OnTaken(3, 2);
  state_->OnTaken(6, 1);
  EXPECT_FALSE(Next());
  state_->OnTaken(1, 2);
  ASSERT_TRUE(Next());
  EXPECT_EQ(group_.through, 4u);
  state_->OnWritten();
  EXPECT_FALSE(Next());
  state_->OnTaken(5, 1);
  ASSERT_TRUE(Next());
  EXPECT_EQ(group_.first, 5u);
  EXPECT_EQ(group_.through, 6u);
}

TEST_F(OutboxStateTest, ANextStartGoesOnWhereTheLastOneWas) {
  StartInTheMidst();
  EXPECT_EQ(state_->kept().messages, 5u);
  EXPECT_EQ(state_->kept().results, 3u);
  EXPECT_FALSE(state_->kept().ended);
  EXPECT_TRUE(state_->IsKept(5));
  EXPECT_FALSE(state_->IsKept(6));
  state_->OnTaken(6, 1);
  Deliver(4);
  ASSERT_TRUE(Next());
  EXPECT_EQ(group_.first, 6u);
  EXPECT_EQ(group_.results, 4u);
}

TEST_F(OutboxStateTest, ASessionEndsWhenItIsClosedAndAllIsDelivered) {
  Welcome();
  Keep(1, 2);
  Deliver(1);
  state_->OnClosed(2);
  ASSERT_TRUE(Next());
  EXPECT_FALSE(group_.ended);
  state_->OnWritten();
  EXPECT_FALSE(Next());
  Deliver(2);
  ASSERT_TRUE(Next());
  EXPECT_TRUE(group_.ended);
  EXPECT_EQ(group_.results, 2u);
  EXPECT_FALSE(state_->kept().ended);
  state_->OnWritten();
  EXPECT_TRUE(state_->kept().ended);
  EXPECT_FALSE(Next());
}

TEST_F(OutboxStateTest, OneThatIsClosedOnlyOnceAllIsGoneEndsToo) {
  StartInTheMidst();
  Deliver(5);
  ASSERT_TRUE(Next());
  state_->OnWritten();
  EXPECT_FALSE(Next());
  state_->OnClosed(5);
  state_->OnClosed(5);
  ASSERT_TRUE(Next());
  EXPECT_TRUE(group_.ended);
  EXPECT_EQ(group_.results, 0u);
}

TEST_F(OutboxStateTest, AMessageTakenBeforeTheCloseIsWaitedFor) {
  Welcome();
  // Its sender has its sequence, and has not come here yet.
  state_->OnClosed(1);
  EXPECT_FALSE(Next());
  Keep(1, 1);
  EXPECT_FALSE(group_.ended);
  Deliver(1);
  ASSERT_TRUE(Next());
  EXPECT_TRUE(group_.ended);
}

TEST_F(OutboxStateTest, ASessionWithoutMessagesEndsAtOnce) {
  state_->OnClosed(0);
  ASSERT_TRUE(Next());
  EXPECT_TRUE(group_.ended);
}

TEST_F(OutboxStateTest, AfterAnErrorNothingIsWrittenAnyMore) {
  Welcome();
  Keep(1, 1);
  state_->OnTaken(2, 1);
  ASSERT_TRUE(Next());
  state_->OnFailed(absl::UnavailableError("broken"));
  EXPECT_EQ(state_->status(), absl::UnavailableError("broken"));
  state_->OnTaken(3, 1);
  Deliver(1);
  EXPECT_FALSE(Next());
  EXPECT_EQ(state_->Due(), absl::InfiniteFuture());
  EXPECT_TRUE(state_->IsKept(1));
  EXPECT_FALSE(state_->IsKept(2));
  EXPECT_EQ(state_->kept().messages, 1u);
}

using OutboxStateDeathTest = OutboxStateTest;

TEST_F(OutboxStateDeathTest, WhatCannotBeEndsTheProgram) {
  Welcome();
  Keep(1, 2);
  EXPECT_DEATH(state_->OnTaken(2, 1), "");
  EXPECT_DEATH(state_->OnTaken(3, 0), "");
  EXPECT_DEATH(Deliver(3), "");
  EXPECT_DEATH(Deliver(0), "");
  EXPECT_DEATH(state_->OnClosed(1), "");
  EXPECT_DEATH(state_->OnWritten(), "");
  EXPECT_DEATH(state_->OnFailed(absl::UnavailableError("x")), "");
  state_->OnTaken(3, 1);
  ASSERT_TRUE(Next());
  state_->OnFailed(absl::UnavailableError("x"));
  EXPECT_DEATH(state_->OnWritten(), "");
  state_->OnTaken(4, 1);
  EXPECT_DEATH(state_->OnTaken(4, 1), "");
  state_->OnClosed(4);
  EXPECT_DEATH(state_->OnClosed(5), "");
  EXPECT_DEATH(state_->OnTaken(5, 1), "");
}

}  // namespace
}  // namespace msgproc::client
