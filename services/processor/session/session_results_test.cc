// What becomes of results: order, acknowledgement, resumption, memory.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/optional.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/session/session.h"
#include "services/processor/testing/frames.h"
#include "wire/entry.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SessionResultsTest : public testing::Test {
 protected:
  explicit SessionResultsTest(Session::Kind kind = Session::Kind::kOpened)
      : session_(kind, {.max_result_bytes = 1000}) {
    EXPECT_EQ(session_.Open(0).state, Session::State::kNew);
  }

  void Resume(uint64_t received_through) {
    const Session::Opening opening = session_.Open(received_through);
    EXPECT_EQ(opening.state, Session::State::kResumed);
    EXPECT_EQ(opening.why_lost, "");
  }

  void Feed(uint64_t first, uint64_t count) {
    const TestFrame frame(Messages(first, count));
    ASSERT_EQ(session_.Accept(frame->messages, accepted_at_).accepted, count);
    session_.Enqueue(frame->messages);
  }

  // The next batch, of one message unless told.
  Session::Run Next(uint64_t messages = 1) {
    std::vector<wire::Piece> pieces;
    return session_.NextBatch(100, messages, 1 << 20, &pieces);
  }

  bool Complete(const Session::Run& run, size_t bytes = 8) {
    wire::EntryLog results;
    for (uint64_t i = 0; i < run.size; ++i) {
      wire::AppendResult(&results, run.first_position + i,
                         std::string(bytes, 'r'));
    }
    return session_.Complete(run, &results);
  }

  void Process(uint64_t messages, size_t bytes = 8) {
    while (messages-- > 0) {
      const Session::Run run = Next();
      ASSERT_EQ(run.size, 1U);
      ASSERT_TRUE(Complete(run, bytes));
    }
  }

  std::vector<uint64_t> Take(size_t max_bytes = 1 << 20) {
    std::vector<wire::Piece> pieces;
    const uint64_t taken = session_.TakeResults(max_bytes, &pieces);
    std::vector<uint64_t> sequences = Sequences(Decode(&pieces));
    EXPECT_EQ(sequences.size(), taken);
    return sequences;
  }

  absl::Time accepted_at_ = absl::UnixEpoch();
  Session session_;
};

class AnonymousResultsTest : public SessionResultsTest {
 protected:
  AnonymousResultsTest() : SessionResultsTest(Session::Kind::kAnonymous) {}
};

TEST_F(SessionResultsTest, LeaveInOrderHoweverTheyComeBack) {
  Feed(1, 4);
  const Session::Run one = Next();
  const Session::Run two = Next();
  const Session::Run rest = Next(2);
  EXPECT_TRUE(Complete(rest));
  EXPECT_TRUE(Complete(two));
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_FALSE(session_.HasResultsToTake());
  EXPECT_EQ(session_.unanswered(), 4U);
  EXPECT_TRUE(Complete(one));
  EXPECT_TRUE(session_.HasResultsToTake());
  EXPECT_EQ(session_.unanswered(), 0U);
  EXPECT_EQ(Take(), Range(1, 4));
  EXPECT_TRUE(session_.AllTaken());
}

// One that takes its time must not let the others run through the window.
TEST_F(SessionResultsTest, AreBoundedAlsoWhileTheNextOneIsMissing) {
  Feed(1, 4);
  const Session::Run slow = Next();
  EXPECT_TRUE(Complete(Next(), 500));
  EXPECT_TRUE(Complete(Next(), 600));
  EXPECT_EQ(Next().size, 0U);
  EXPECT_TRUE(Complete(slow));
  EXPECT_EQ(Take(), Range(1, 3));
  ASSERT_TRUE(session_.Acknowledge(3).ok());
  EXPECT_EQ(Next().size, 1U);
}

TEST_F(SessionResultsTest, AreTakenInFramesThatHoldAtLeastOne) {
  Feed(1, 3);
  Process(3, 100);
  EXPECT_THAT(Take(150), ElementsAre(1));
  EXPECT_THAT(Take(1), ElementsAre(2));
  EXPECT_THAT(Take(150), ElementsAre(3));
  EXPECT_THAT(Take(150), IsEmpty());
}

TEST_F(SessionResultsTest, StayUntilTheyAreReceived) {
  Feed(1, 4);
  Process(4, 100);
  EXPECT_EQ(Take(), Range(1, 4));
  ASSERT_TRUE(session_.Acknowledge(2).ok());
  Resume(2);
  EXPECT_EQ(Take(), Range(3, 4));
  ASSERT_TRUE(session_.Acknowledge(4).ok());
  EXPECT_TRUE(session_.AllReceived());
  Resume(4);
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(SessionResultsTest, CannotBeReceivedBeforeTheyExist) {
  Feed(1, 3);
  Process(2);
  EXPECT_EQ(session_.Acknowledge(3).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(session_.Acknowledge(UINT64_MAX).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(session_.received_through(), 0U);
  EXPECT_TRUE(session_.Acknowledge(2).ok());
}

TEST_F(SessionResultsTest, ALowerAcknowledgementIsIgnored) {
  Feed(1, 3);
  Process(3);
  ASSERT_TRUE(session_.Acknowledge(3).ok());
  EXPECT_TRUE(session_.Acknowledge(1).ok());
  EXPECT_EQ(session_.received_through(), 3U);
  EXPECT_EQ(session_.outstanding(), 0U);
}

TEST_F(SessionResultsTest, MayBeReceivedBeforeTheyAreTakenAgain) {
  Feed(1, 4);
  Process(4);
  Take();
  Resume(0);
  // The acknowledgement of what the stream before had brought.
  ASSERT_TRUE(session_.Acknowledge(3).ok());
  EXPECT_THAT(Take(), ElementsAre(4));
}

// A to B and back: B answered what A has accepted and is still at.
TEST_F(SessionResultsTest, ReceivedElsewhereAreNotSentHere) {
  Feed(1, 6);
  Process(1);
  const Session::Run two = Next();
  const Session::Run three = Next();
  Resume(4);
  EXPECT_EQ(session_.received_through(), 4U);
  EXPECT_EQ(session_.outstanding(), 2U);
  // The client goes on saying so.
  EXPECT_TRUE(session_.Acknowledge(4).ok());
  EXPECT_FALSE(session_.HasResultsToTake());
  EXPECT_TRUE(Complete(three));
  EXPECT_TRUE(Complete(two));
  EXPECT_FALSE(session_.HasResultsToTake());
  EXPECT_THAT(Take(), IsEmpty());
  EXPECT_FALSE(session_.AllTaken());
  // Four and five in one batch: one of them is news.
  EXPECT_TRUE(Complete(Next(2)));
  EXPECT_TRUE(session_.HasResultsToTake());
  EXPECT_THAT(Take(), ElementsAre(5));
  EXPECT_EQ(session_.Acknowledge(6).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(session_.Acknowledge(5).ok());
  Process(1);
  EXPECT_THAT(Take(), ElementsAre(6));
  EXPECT_TRUE(session_.AllTaken());
}

TEST_F(SessionResultsTest, AClientBeyondWhatWasAcceptedCannotResume) {
  Feed(1, 3);
  Resume(3);
  const Session::Opening opening = session_.Open(4);
  EXPECT_EQ(opening.state, Session::State::kLost);
  EXPECT_EQ(opening.why_lost,
            "the client has results of messages that never came here");
  EXPECT_EQ(session_.accepted_through(), 4U);
}

TEST_F(SessionResultsTest, ASessionThatIsNewHereIsLostToWhoHasResultsOfIt) {
  Session elsewhere(Session::Kind::kOpened, {});
  const Session::Opening opening = elsewhere.Open(1);
  EXPECT_EQ(opening.state, Session::State::kLost);
  EXPECT_EQ(opening.why_lost, "this server does not have the session");
  EXPECT_EQ(elsewhere.epoch(), 1U);
  EXPECT_EQ(elsewhere.Open(1).state, Session::State::kResumed);
  EXPECT_EQ(elsewhere.epoch(), 1U);
}

TEST_F(SessionResultsTest, OfALifeBeforeAreDropped) {
  Feed(1, 4);
  const Session::Run before = Next(4);
  session_.Restart(10);
  EXPECT_EQ(session_.accepted_through(), 10U);
  EXPECT_EQ(session_.unanswered(), 0U);
  Feed(11, 2);
  EXPECT_FALSE(Complete(before));
  EXPECT_THAT(Take(), IsEmpty());
  Process(2);
  EXPECT_THAT(Take(), ElementsAre(11, 12));
  EXPECT_TRUE(session_.Acknowledge(12).ok());
}

TEST_F(SessionResultsTest, ProcessingPausesWhileTooMuchIsUnreceived) {
  Feed(1, 6);
  Process(3, 400);
  EXPECT_FALSE(session_.CanProcess());
  EXPECT_EQ(Next().size, 0U);
  EXPECT_EQ(Take(), Range(1, 3));
  // Written is not received.
  EXPECT_FALSE(session_.CanProcess());
  ASSERT_TRUE(session_.Acknowledge(3).ok());
  EXPECT_TRUE(session_.CanProcess());
  Process(3, 8);
  EXPECT_EQ(Take(), Range(4, 6));
}

TEST_F(SessionResultsTest, ResultsThatWaitForTheirTurnPauseProcessingToo) {
  Feed(1, 6);
  Process(1);
  const Session::Run two = Next();
  const Session::Run three = Next();
  const Session::Run four = Next();
  EXPECT_TRUE(Complete(four, 600));
  EXPECT_TRUE(Complete(three, 600));
  EXPECT_EQ(Next().size, 0U);
  EXPECT_TRUE(Complete(two));
  EXPECT_EQ(Take(), Range(1, 4));
}

TEST_F(SessionResultsTest, AfterTheHalfCloseTheyAreLetGoWhenProcessingNeedsIt) {
  Feed(1, 6);
  Process(3, 400);
  EXPECT_EQ(Take(), Range(1, 3));
  session_.CloseInput();
  EXPECT_TRUE(session_.Forgotten());
  EXPECT_TRUE(session_.CanProcess());
  Process(3, 100);
  EXPECT_EQ(Take(), Range(4, 6));
  EXPECT_TRUE(session_.AllTaken());
  Resume(3);
}

TEST_F(SessionResultsTest, WhoLacksWhatWasLetGoHasLostTheSession) {
  Feed(1, 6);
  Process(3, 400);
  EXPECT_EQ(Take(), Range(1, 3));
  session_.CloseInput();
  ASSERT_TRUE(session_.Forgotten());
  const Session::Opening opening = session_.Open(2);
  EXPECT_EQ(opening.state, Session::State::kLost);
  EXPECT_EQ(opening.why_lost,
            "results that the client has not received were dropped");
  EXPECT_EQ(session_.accepted_through(), 2U);
}

TEST_F(SessionResultsTest, AfterTheHalfCloseTakingMakesRoomAsWell) {
  Feed(1, 6);
  Process(3, 400);
  session_.CloseInput();
  EXPECT_FALSE(session_.Forgotten());
  EXPECT_FALSE(session_.CanProcess());
  EXPECT_EQ(Take(), Range(1, 3));
  EXPECT_TRUE(session_.CanProcess());
}

TEST_F(SessionResultsTest, AfterTheHalfCloseNothingIsLetGoWithoutNeed) {
  Feed(1, 3);
  Process(3, 400);
  EXPECT_EQ(Take(), Range(1, 3));
  session_.CloseInput();
  EXPECT_FALSE(session_.Forgotten());
  Resume(0);
  EXPECT_EQ(Take(), Range(1, 3));
}

TEST_F(SessionResultsTest, AfterTheHalfCloseNothingIsLetGoWhileThereIsRoom) {
  Feed(1, 6);
  Process(2, 400);
  EXPECT_EQ(Take(), Range(1, 2));
  session_.CloseInput();
  EXPECT_TRUE(session_.CanProcess());
  EXPECT_FALSE(session_.Forgotten());
  Resume(0);
  EXPECT_EQ(Take(), Range(1, 2));
}

TEST_F(SessionResultsTest, ALowerLimitPausesProcessingForAsLongAsItHolds) {
  Feed(1, 6);
  Process(1, 400);
  EXPECT_FALSE(session_.limited());
  session_.LimitResults(300);
  EXPECT_TRUE(session_.limited());
  EXPECT_FALSE(session_.CanProcess());
  // It limits results that are there, not the first one.
  EXPECT_EQ(Take(), Range(1, 1));
  ASSERT_TRUE(session_.Acknowledge(1).ok());
  EXPECT_TRUE(session_.CanProcess());
  Process(1, 400);
  EXPECT_FALSE(session_.CanProcess());
  // No higher than the session's own.
  session_.LimitResults(SIZE_MAX);
  EXPECT_FALSE(session_.limited());
  EXPECT_TRUE(session_.CanProcess());
  Process(1, 400);
  EXPECT_FALSE(session_.CanProcess());
}

TEST_F(SessionResultsTest, AfterTheHalfCloseALowerLimitLetsGoOfWhatWasTaken) {
  Feed(1, 6);
  Process(2, 400);
  EXPECT_EQ(Take(), Range(1, 2));
  session_.CloseInput();
  EXPECT_FALSE(session_.Forgotten());
  // No acknowledgement can come that would let it go on.
  session_.LimitResults(300);
  EXPECT_TRUE(session_.Forgotten());
  EXPECT_TRUE(session_.CanProcess());
}

TEST_F(SessionResultsTest, AResumedSessionLetsGoOfNothing) {
  Feed(1, 6);
  session_.CloseInput();
  Resume(0);
  Process(3, 400);
  EXPECT_EQ(Take(), Range(1, 3));
  EXPECT_FALSE(session_.CanProcess());
  EXPECT_FALSE(session_.Forgotten());
}

TEST_F(AnonymousResultsTest, AreGoneOnceTaken) {
  Feed(1, 6);
  Process(3, 400);
  EXPECT_TRUE(session_.AtLimit());
  EXPECT_FALSE(session_.CanProcess());
  EXPECT_EQ(Take(), Range(1, 3));
  EXPECT_EQ(session_.outstanding(), 3U);
  EXPECT_TRUE(session_.CanProcess());
  EXPECT_FALSE(session_.AtLimit());
  Process(3);
  EXPECT_EQ(Take(), Range(4, 6));
  EXPECT_TRUE(session_.AllReceived());
}

TEST_F(AnonymousResultsTest, NobodyAcknowledges) {
  Feed(1, 2);
  EXPECT_TRUE(session_.Acknowledge(1000).ok());
  Process(2);
  EXPECT_EQ(Take(), Range(1, 2));
}

TEST_F(SessionResultsTest, AreTimedFromTheirAcceptance) {
  Feed(1, 2);
  accepted_at_ += absl::Seconds(1);
  Feed(3, 2);
  Session::Timed timed;
  EXPECT_FALSE(session_.NextTimed(&timed));
  Process(3);
  ASSERT_TRUE(session_.NextTimed(&timed));
  EXPECT_EQ(timed.messages, 2U);
  EXPECT_EQ(timed.accepted_at, absl::UnixEpoch());
  ASSERT_TRUE(session_.NextTimed(&timed));
  EXPECT_EQ(timed.messages, 1U);
  EXPECT_EQ(timed.accepted_at, absl::UnixEpoch() + absl::Seconds(1));
  EXPECT_FALSE(session_.NextTimed(&timed));
  session_.Restart(20);
  EXPECT_FALSE(session_.NextTimed(&timed));
}

TEST_F(SessionResultsTest, TheOldestMessageWithoutOneHasWaitedSinceItsBatch) {
  EXPECT_EQ(session_.OldestAcceptedAt(), absl::nullopt);
  Feed(1, 2);
  accepted_at_ += absl::Seconds(1);
  Feed(3, 2);
  EXPECT_EQ(session_.OldestAcceptedAt(), absl::UnixEpoch());
  Process(1);
  EXPECT_EQ(session_.OldestAcceptedAt(), absl::UnixEpoch());
  Process(1);
  EXPECT_EQ(session_.OldestAcceptedAt(), accepted_at_);
  Process(2);
  EXPECT_EQ(session_.OldestAcceptedAt(), absl::nullopt);
}

TEST_F(SessionResultsTest, AnIdleSessionHoldsLittle) {
  for (uint64_t i = 0; i < 100; ++i) {
    Feed(1 + i * 100, 100);
    while (Next(7).size > 0) {
    }
    session_.Restart(100 + i * 100);
  }
  EXPECT_LT(session_.bytes(), 4096U);
}

}  // namespace
}  // namespace msgproc::processor
