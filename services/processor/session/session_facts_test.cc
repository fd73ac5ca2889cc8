#include "services/processor/session/session_facts.h"

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
#include "services/processor/session/session.h"
#include "services/processor/testing/frames.h"
#include "wire/entry.h"
#include "wire/entry_log.h"

namespace msgproc::processor {
namespace {

constexpr absl::Time kStart = absl::UnixEpoch();

// A session's way from its first message to the client's last word of it.
class SessionFactsTest : public testing::Test {
 protected:
  SessionFactsTest() { session_.Open(0); }

  void Accept(uint64_t first, uint64_t count, absl::Time now) {
    const TestFrame frame(Messages(first, count));
    ASSERT_EQ(session_.Accept(frame->messages, now).accepted, count);
    session_.Enqueue(frame->messages);
  }
  Session::Run Dispatch() {
    std::vector<wire::Piece> pieces;
    return session_.NextBatch(100, 1, 1 << 20, &pieces);
  }
  void Answer(const Session::Run& run) {
    wire::EntryLog results;
    wire::AppendResult(&results, run.first_position, "result");
    ASSERT_TRUE(session_.Complete(run, &results));
  }
  SessionStage Stage() const { return StageOf(FactsOf(session_)); }

  std::vector<wire::Piece> pieces_;
  Session session_{Session::Kind::kStored, SessionLimits()};
};

TEST_F(SessionFactsTest, TheOldestMessageIsWhereItIs) {
  EXPECT_EQ(Stage(), SessionStage::kNone);
  Accept(1, 2, kStart);
  EXPECT_EQ(Stage(), SessionStage::kQueued);
  const Session::Run run = Dispatch();
  EXPECT_EQ(Stage(), SessionStage::kHandler);
  Answer(run);
  EXPECT_EQ(Stage(), SessionStage::kCommit);
  session_.OnCommitted(session_.TakeUncommitted(1 << 20, &pieces_));
  EXPECT_EQ(Stage(), SessionStage::kWrite);
  session_.TakeResults(1 << 20, &pieces_);
  EXPECT_EQ(Stage(), SessionStage::kAcknowledgement);
  ASSERT_TRUE(session_.Acknowledge(1).ok());
  // Now the second is the oldest.
  EXPECT_EQ(Stage(), SessionStage::kQueued);
}

TEST_F(SessionFactsTest, PositionsAreTheSessionsOwn) {
  Accept(1, 5, kStart);
  for (int i = 0; i < 3; ++i) Answer(Dispatch());
  Dispatch();
  session_.OnCommitted(session_.TakeUncommitted(1 << 20, &pieces_, 2));
  session_.TakeResults(1 << 20, &pieces_);
  ASSERT_TRUE(session_.Acknowledge(1).ok());
  const SessionFacts facts = FactsOf(session_);
  EXPECT_EQ(facts.received_through, 1U);
  EXPECT_EQ(facts.taken_through, 2U);
  EXPECT_EQ(facts.committed_through, 2U);
  EXPECT_EQ(facts.ready_through, 3U);
  EXPECT_EQ(facts.dispatched_through, 4U);
  EXPECT_EQ(facts.accepted_through, 5U);
  EXPECT_EQ(facts.unread(), 2U);
  EXPECT_GT(facts.result_bytes, 0U);
  EXPECT_GT(facts.bytes, facts.result_bytes);
}

TEST_F(SessionFactsTest, TheOldestThatHasNoResultSaysSinceWhen) {
  EXPECT_EQ(FactsOf(session_).oldest_accepted_at, absl::nullopt);
  Accept(1, 1, kStart);
  Accept(2, 1, kStart + absl::Seconds(5));
  EXPECT_EQ(FactsOf(session_).oldest_accepted_at, kStart);
  Answer(Dispatch());
  EXPECT_EQ(FactsOf(session_).oldest_accepted_at, kStart + absl::Seconds(5));
  Answer(Dispatch());
  EXPECT_EQ(FactsOf(session_).oldest_accepted_at, absl::nullopt);
}

}  // namespace
}  // namespace msgproc::processor
