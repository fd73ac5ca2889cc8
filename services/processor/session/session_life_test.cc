// What a session says of itself, from its first message to its next life.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/handlers/message_effects.h"
#include "services/processor/session/session.h"
#include "services/processor/testing/frames.h"
#include "wire/entry.h"
#include "wire/entry_log.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;

class SessionLifeTest : public testing::Test {
 protected:
  explicit SessionLifeTest(Session::Kind kind = Session::Kind::kOpened)
      : session_(kind, limits_) {
    session_.Open(0);
  }

  void Feed(uint64_t first, uint64_t count) {
    const TestFrame frame(Messages(first, count));
    ASSERT_EQ(session_.Accept(frame->messages, absl::UnixEpoch()).accepted,
              count);
    session_.Enqueue(frame->messages);
  }
  // The next batch, of one message.
  Session::Run Next() {
    std::vector<wire::Piece> pieces;
    return session_.NextBatch(100, 1, 1 << 20, &pieces);
  }
  static wire::EntryLog ResultOf(const Session::Run& run) {
    wire::EntryLog results;
    wire::AppendResult(&results, run.first_position, "result");
    return results;
  }
  void Complete(const Session::Run& run) {
    wire::EntryLog results = ResultOf(run);
    EXPECT_TRUE(session_.Complete(run, &results));
  }
  std::vector<uint64_t> Take() {
    std::vector<wire::Piece> pieces;
    session_.TakeResults(1 << 20, &pieces);
    return Sequences(Decode(&pieces));
  }

  SessionLimits limits_ = {.max_outstanding_messages = 4,
                           .max_outstanding_bytes = 1 << 20,
                           .max_result_bytes = 1000};
  Session session_;
};

class AnonymousLifeTest : public SessionLifeTest {
 protected:
  AnonymousLifeTest() : SessionLifeTest(Session::Kind::kAnonymous) {}
};

class StoredLifeTest : public SessionLifeTest {
 protected:
  StoredLifeTest() : SessionLifeTest(Session::Kind::kStored) {}
};

TEST_F(SessionLifeTest, OneThatBeginsHasNothing) {
  const Session session(Session::Kind::kOpened, limits_);
  EXPECT_FALSE(session.input_closed());
  EXPECT_EQ(session.pending_messages(), 0U);
  EXPECT_FALSE(session.AwaitsAcknowledgement());
  EXPECT_FALSE(session.CanProcess());
  EXPECT_TRUE(session.AllTaken());
  EXPECT_EQ(session.bytes(), 0U);
}

TEST_F(SessionLifeTest, CountsTheMessagesThatWait) {
  Feed(1, 3);
  EXPECT_EQ(session_.pending_messages(), 3U);
  Next();
  EXPECT_EQ(session_.pending_messages(), 2U);
}

TEST_F(SessionLifeTest, AwaitsAcknowledgementOfWhatWasTaken) {
  Feed(1, 2);
  Complete(Next());
  EXPECT_FALSE(session_.AwaitsAcknowledgement());
  EXPECT_THAT(Take(), ElementsAre(1));
  EXPECT_TRUE(session_.AwaitsAcknowledgement());
  EXPECT_TRUE(session_.Acknowledge(1).ok());
  EXPECT_FALSE(session_.AwaitsAcknowledgement());
}

TEST_F(AnonymousLifeTest, AwaitsNoAcknowledgement) {
  Feed(1, 1);
  Complete(Next());
  EXPECT_THAT(Take(), ElementsAre(1));
  EXPECT_FALSE(session_.AwaitsAcknowledgement());
}

TEST_F(AnonymousLifeTest, IsReadUntilItsWindowIsFull) {
  Feed(1, 3);
  EXPECT_FALSE(session_.AtLimit());
  Feed(4, 1);
  EXPECT_TRUE(session_.AtLimit());
}

TEST_F(SessionLifeTest, PausesBeyondItsResultsAndNotAtThem) {
  Feed(1, 2);
  Complete(Next());
  session_.LimitResults(session_.result_bytes());
  EXPECT_TRUE(session_.CanProcess());
  session_.LimitResults(session_.result_bytes() - 1);
  EXPECT_FALSE(session_.CanProcess());
}

TEST_F(SessionLifeTest, ResultsThatWaitForTheirTurnAreHeldLikeOthers) {
  Feed(1, 2);
  const Session::Run first = Next();
  const Session::Run second = Next();
  wire::EntryLog results = ResultOf(second);
  const size_t bytes = results.bytes();
  ASSERT_GT(bytes, 0U);
  EXPECT_TRUE(session_.Complete(second, &results));
  // They are the session's now, and the log is good for the next ones.
  EXPECT_TRUE(results.empty());
  EXPECT_EQ(results.bytes(), 0U);
  EXPECT_EQ(session_.result_bytes(), bytes);
  Complete(first);
  EXPECT_EQ(session_.result_bytes(), 2 * bytes);
  EXPECT_THAT(Take(), ElementsAre(1, 2));
}

TEST_F(SessionLifeTest, TheNextLifeHasNothingOfTheOneBefore) {
  Feed(1, 2);
  Next();
  Complete(Next());  // Waits for the first.
  session_.CloseInput();
  const uint64_t epoch = session_.epoch();
  EXPECT_EQ(session_.Open(7).state, Session::State::kLost);
  EXPECT_GT(session_.epoch(), epoch);
  EXPECT_FALSE(session_.input_closed());
  EXPECT_EQ(session_.bytes(), 0U);
  EXPECT_EQ(session_.outstanding(), 0U);
  Feed(8, 1);
  Complete(Next());
  EXPECT_THAT(Take(), ElementsAre(8));
}

TEST_F(SessionLifeTest, HasForgottenOnceOneResultWasLetGo) {
  Feed(1, 2);
  Complete(Next());
  EXPECT_THAT(Take(), ElementsAre(1));
  session_.CloseInput();
  EXPECT_FALSE(session_.Forgotten());
  // The other message would have to wait for an acknowledgement.
  session_.LimitResults(1);
  EXPECT_TRUE(session_.Forgotten());
}

TEST_F(StoredLifeTest, EffectsGoWithTheirCommitOrTheirLife) {
  for (const bool committed : {false, true}) {
    session_.Restart(0);
    Feed(1, 1);
    const Session::Run run = Next();
    wire::EntryLog results = ResultOf(run);
    std::vector<SharedEffects> effects = {std::make_shared<MessageEffects>(
        MessageEffects{.sequence = 1, .statements = {{}}, .bytes = 10})};
    const std::weak_ptr<const MessageEffects> kept = effects[0];
    EXPECT_TRUE(session_.Complete(run, &results, &effects));
    effects.clear();
    std::vector<wire::Piece> pieces;
    const Session::Run write = session_.TakeUncommitted(1 << 20, &pieces);
    EXPECT_EQ(session_.EffectsOf(write).size(), 1U);
    EXPECT_FALSE(kept.expired());
    if (committed) {
      session_.OnCommitted(write);
    } else {
      session_.Restart(0);
    }
    EXPECT_TRUE(kept.expired());
  }
}

TEST_F(StoredLifeTest, WhatIsRestoredTakesNoneOfTheWindowsBytes) {
  limits_.max_outstanding_bytes = 100;
  Session restored(Session::Kind::kStored, limits_);
  wire::EntryLog results(3);
  for (const uint64_t sequence : {3, 4}) {
    wire::AppendResult(&results, sequence, "result");
  }
  restored.Restore(2, 4, std::move(results));
  EXPECT_EQ(restored.Open(2).state, Session::State::kResumed);
  EXPECT_EQ(restored.outstanding(), 2U);
  const TestFrame frame(Messages(5, 1, 100));
  ASSERT_EQ(frame->messages[0].window_bytes(), limits_.max_outstanding_bytes);
  const Session::Acceptance acceptance =
      restored.Accept(frame->messages, absl::UnixEpoch());
  EXPECT_TRUE(acceptance.status.ok()) << acceptance.status;
}

TEST_F(StoredLifeTest, WhatTheClientHasIsNotKeptThoughTheStoreHasIt) {
  Session restored(Session::Kind::kStored, limits_);
  wire::EntryLog results(1);
  wire::AppendResult(&results, 1, std::string(500, 'r'));
  wire::AppendResult(&results, 2, "r");
  restored.Restore(1, 2, std::move(results));
  EXPECT_EQ(restored.Open(1).state, Session::State::kResumed);
  std::vector<wire::Piece> pieces;
  EXPECT_EQ(restored.TakeResults(1 << 20, &pieces), 1U);
  EXPECT_THAT(Sequences(Decode(&pieces)), ElementsAre(2));
}

}  // namespace
}  // namespace msgproc::processor
