#include "services/processor/stream/stream_state.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/state_dump.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using Actions = StreamState::Actions;
using End = StreamState::End;
using Phase = StreamState::Phase;
using Verdict = StreamState::Verdict;

constexpr absl::Duration kPatience = absl::Seconds(60);

// A stream without a stream: the test is gRPC, and the session.
class StreamStateTest : public testing::Test {
 protected:
  explicit StreamStateTest(absl::Duration max_age = absl::InfiniteDuration())
      : state_(kPatience, now_, now_ + max_age) {}

  // What is to be done, in letters: w, r, m, f.
  std::string Next() {
    actions_ = state_.NextActions(
        now_, [this] { return at_limit_; },
        [this] {
          ++taken_;
          StreamState::Supply supply = supply_;
          supply_.results = 0;
          return supply;
        });
    std::string said;
    if (actions_.write) said += 'w';
    if (actions_.read) said += 'r';
    if (actions_.mark) said += 'm';
    if (actions_.finish) said += 'f';
    if (actions_.write) head_ = state_.TakeHead();
    return said;
  }

  // A frame with `messages` comes and is dealt with.
  void Frame(size_t messages = 1) {
    ASSERT_TRUE(state_.OnRead(now_));
    if (messages == 0) state_.OnAnswered("");
    EXPECT_FALSE(state_.OnProcessed(messages, messages * 64, absl::OkStatus()));
  }

  // The first request comes, and what follows it is done.
  void Open(bool anonymous = false) {
    ASSERT_TRUE(state_.OnRead(now_));
    state_.OnOpened(anonymous, "Welcome");
    EXPECT_FALSE(state_.OnProcessed(0, 0, absl::OkStatus()));
    ASSERT_EQ(Next(), "wr");
    EXPECT_EQ(head_, "Welcome");
    EXPECT_FALSE(state_.OnReadStarted());
    state_.OnWritten();
  }

  // Frames bring results until one is worth gathering: all but the read of the
  // last one is over.
  void Gather() {
    for (int i = 1; i < wire::GatherPolicy::kProbeFrames; ++i) {
      Frame();
      supply_.results = 1;
      ASSERT_EQ(Next(), "wr");
      EXPECT_FALSE(state_.OnReadStarted());
      state_.OnWritten();
    }
    Frame();
    supply_.results = 1;
  }

  absl::Time now_ = absl::UnixEpoch();
  bool at_limit_ = false;
  StreamState::Supply supply_;
  int taken_ = 0;
  Actions actions_;
  std::string head_;
  StreamState state_;
};

TEST_F(StreamStateTest, TheFirstReadIsUnderWayFromTheStart) {
  EXPECT_EQ(state_.phase(), Phase::kOpening);
  EXPECT_EQ(Next(), "");
}

TEST_F(StreamStateTest, WelcomeIsWrittenAndTheNextRequestRead) {
  Open();
  EXPECT_EQ(state_.phase(), Phase::kOpen);
  EXPECT_EQ(Next(), "");
}

TEST_F(StreamStateTest, AStreamWhoseSessionIsBeingClaimedWaitsForThat) {
  ASSERT_TRUE(state_.OnRead(now_));
  ASSERT_TRUE(state_.OnClaiming());
  // Nobody is there any more, but another thread will come back with it.
  EXPECT_FALSE(state_.OnEnd(StreamState::End::kBroken, absl::CancelledError()));
  EXPECT_EQ(Next(), "");
  state_.OnOpened(false, "Welcome");
  EXPECT_FALSE(state_.OnProcessed(1, 64, absl::OkStatus()));
  EXPECT_EQ(Next(), "f");
}

TEST_F(StreamStateTest, AHeartbeatIsAnsweredOnce) {
  Open();
  Frame(0);
  EXPECT_EQ(Next(), "wr");
  EXPECT_EQ(head_, "");
  state_.OnWritten();
  EXPECT_EQ(Next(), "");
}

// Its frames are no heartbeats, and it gives up who says nothing for as long as
// the patience here is.
TEST_F(StreamStateTest, WhoWritesOnAndGetsNoResultsHearsThatSomebodyIsThere) {
  Open();
  now_ += kPatience / 2 - absl::Seconds(1);
  Frame();
  EXPECT_EQ(Next(), "r");
  EXPECT_FALSE(state_.OnReadStarted());
  now_ += absl::Seconds(1);
  Frame();
  EXPECT_EQ(Next(), "wr");
  EXPECT_EQ(head_, "");
  EXPECT_FALSE(state_.OnReadStarted());
  // Nor twice, nor while that is on its way.
  now_ += kPatience / 2;
  Frame();
  EXPECT_EQ(Next(), "r");
  state_.OnWritten();
  EXPECT_EQ(Next(), "");
}

TEST_F(StreamStateTest, AnAnonymousClientWaitsForResultsInSilence) {
  Open(/*anonymous=*/true);
  now_ += kPatience;
  Frame();
  EXPECT_EQ(Next(), "r");
}

TEST_F(StreamStateTest, AnAnswerMaySaySomething) {
  Open();
  ASSERT_TRUE(state_.OnRead(now_));
  state_.OnAnswered("until noon");
  EXPECT_FALSE(state_.OnProcessed(0, 0, absl::OkStatus()));
  EXPECT_EQ(Next(), "wr");
  EXPECT_EQ(head_, "until noon");
}

TEST_F(StreamStateTest, WhoseCredentialsExpireIsNotToStay) {
  Open();
  state_.OnCredentials(now_ + absl::Seconds(1));
  EXPECT_EQ(state_.NextTick(now_), now_ + absl::Seconds(1));
  EXPECT_EQ(state_.OnTick(now_ + absl::Milliseconds(999)),
            StreamState::Verdict::kPatient);
  EXPECT_EQ(state_.OnTick(now_ + absl::Seconds(1)),
            StreamState::Verdict::kExpired);
  EXPECT_NE(StreamState::Reproach(StreamState::Verdict::kExpired, kPatience)
                .find("expired"),
            std::string::npos);
  // Fresh ones.
  state_.OnCredentials(absl::InfiniteFuture());
  EXPECT_EQ(state_.OnTick(now_ + absl::Seconds(1)),
            StreamState::Verdict::kPatient);
}

TEST_F(StreamStateTest, WhatIsEndingNeedsNoCredentials) {
  Open();
  state_.OnCredentials(now_);
  EXPECT_TRUE(state_.OnEnd(End::kHalfClose, absl::OkStatus()));
  EXPECT_EQ(state_.OnTick(now_), StreamState::Verdict::kPatient);
  EXPECT_GT(state_.NextTick(now_), now_);
}

TEST_F(StreamStateTest, OneWriteIsInFlightAndOneRead) {
  Open();
  Frame();
  supply_.results = 1;
  EXPECT_EQ(Next(), "wr");
  supply_.results = 1;
  const int taken = taken_;
  EXPECT_EQ(Next(), "");
  // What waits stays with the session meanwhile.
  EXPECT_EQ(taken_, taken);
  state_.OnWritten();
  EXPECT_EQ(Next(), "w");
}

TEST_F(StreamStateTest, ForAStreamThatHasFinishedNothingIsClaimed) {
  ASSERT_TRUE(state_.OnRead(now_));
  EXPECT_FALSE(state_.OnEnd(End::kBroken, absl::CancelledError("gone")));
  EXPECT_EQ(Next(), "f");
  EXPECT_FALSE(state_.OnClaiming());
}

TEST_F(StreamStateTest, AnAnonymousSessionAtItsLimitIsNotRead) {
  Open(/*anonymous=*/true);
  Frame();
  at_limit_ = true;
  EXPECT_EQ(Next(), "");
  at_limit_ = false;
  EXPECT_EQ(Next(), "r");
}

TEST_F(StreamStateTest, AWriteMayMakeRoomToRead) {
  Open(/*anonymous=*/true);
  Frame();
  at_limit_ = true;
  actions_ = state_.NextActions(
      now_, [this] { return at_limit_; },
      [this] {
        at_limit_ = false;
        return StreamState::Supply{.results = 3};
      });
  EXPECT_TRUE(actions_.write);
  EXPECT_TRUE(actions_.read);
}

TEST_F(StreamStateTest, AHalfCloseIsAnsweredWithEverythingThenTheStatus) {
  Open();
  EXPECT_TRUE(state_.OnEnd(End::kHalfClose, absl::OkStatus()));
  EXPECT_EQ(state_.phase(), Phase::kAnswering);
  supply_.all_taken = false;
  EXPECT_EQ(Next(), "");
  supply_.results = 2;
  EXPECT_EQ(Next(), "w");
  supply_.all_taken = true;
  EXPECT_EQ(Next(), "");
  state_.OnWritten();
  EXPECT_EQ(Next(), "f");
  EXPECT_EQ(state_.phase(), Phase::kFinished);
  EXPECT_EQ(state_.status(), absl::OkStatus());
  EXPECT_EQ(Next(), "");
}

TEST_F(StreamStateTest, AViolationIsToldBehindTheResultsOfWhatWasAccepted) {
  Open();
  ASSERT_TRUE(state_.OnRead(now_));
  EXPECT_TRUE(state_.OnProcessed(3, 100, absl::InvalidArgumentError("gap")));
  EXPECT_EQ(state_.phase(), Phase::kAnswering);
  supply_.results = 3;
  EXPECT_EQ(Next(), "w");
  state_.OnWritten();
  EXPECT_EQ(Next(), "f");
  EXPECT_EQ(state_.status(), absl::InvalidArgumentError("gap"));
}

TEST_F(StreamStateTest, ARefusedOpenEndsWithItsStatusAlone) {
  ASSERT_TRUE(state_.OnRead(now_));
  EXPECT_TRUE(state_.OnProcessed(0, 0, absl::NotFoundError("handler")));
  EXPECT_EQ(Next(), "f");
  EXPECT_EQ(state_.status(), absl::NotFoundError("handler"));
}

TEST_F(StreamStateTest, AFrameThatCameTooLateForItsSessionCutsTheStream) {
  Open();
  ASSERT_TRUE(state_.OnRead(now_));
  EXPECT_FALSE(state_.OnProcessed(1, 10, absl::AbortedError("taken over")));
  EXPECT_EQ(state_.phase(), Phase::kCutting);
  EXPECT_EQ(Next(), "f");
  EXPECT_EQ(state_.status(), absl::AbortedError("taken over"));
}

TEST_F(StreamStateTest, WhoIsGivenUpIsToldWhy) {
  using Verdict = StreamState::Verdict;
  EXPECT_EQ(StreamState::Reproach(Verdict::kUnread, absl::Seconds(60)),
            "The client has read nothing for 1m.");
  EXPECT_EQ(StreamState::Reproach(Verdict::kSilent, absl::Seconds(60)),
            "The client has been silent for 1m.");
  EXPECT_EQ(StreamState::Reproach(Verdict::kUnfinished, absl::Seconds(60)),
            "The client does not take the end of the stream.");
}

TEST_F(StreamStateTest, ACallIsCancelledOnlyWhereNobodyReadsItsEnd) {
  EXPECT_TRUE(StreamState::MustCancel(Verdict::kUnread));
  EXPECT_TRUE(StreamState::MustCancel(Verdict::kUnfinished));
  for (const Verdict reads :
       {Verdict::kPatient, Verdict::kSilent, Verdict::kStarved,
        Verdict::kExpired, Verdict::kAged}) {
    EXPECT_FALSE(StreamState::MustCancel(reads));
  }
}

TEST_F(StreamStateTest, AStreamThatIsStoppedWritesNoMoreResults) {
  Open();
  Frame();
  supply_ = {.results = 5, .all_taken = false};
  EXPECT_FALSE(state_.OnEnd(End::kStopped, absl::UnavailableError("stop")));
  EXPECT_EQ(state_.phase(), Phase::kCutting);
  EXPECT_EQ(Next(), "f");
  EXPECT_EQ(state_.status(), absl::UnavailableError("stop"));
}

TEST_F(StreamStateTest, AStreamThatIsStoppedStillSaysWhatItHadToSay) {
  Open();
  EXPECT_TRUE(state_.Drain("Drain", "drain"));
  EXPECT_FALSE(state_.OnEnd(End::kStopped, absl::UnavailableError("stop")));
  EXPECT_EQ(Next(), "w");
  EXPECT_EQ(head_, "Drain");
  state_.OnWritten();
  EXPECT_EQ(Next(), "f");
}

TEST_F(StreamStateTest, NothingIsSaidToOneWhoDoesNotListen) {
  for (const End end : {End::kTakenOver, End::kBroken}) {
    StreamState state(kPatience, now_);
    ASSERT_TRUE(state.Drain("Drain", "drain"));
    EXPECT_FALSE(state.OnEnd(end, absl::CancelledError("gone")));
    const Actions actions = state.NextActions(
        now_, [] { return false; }, [] { return StreamState::Supply(); });
    EXPECT_FALSE(actions.write);
    EXPECT_TRUE(actions.finish);
  }
}

TEST_F(StreamStateTest, AHeartbeatOfAStreamThatIsCutIsNotAnswered) {
  Open();
  Frame(0);
  EXPECT_FALSE(state_.OnEnd(End::kStopped, absl::UnavailableError("stop")));
  EXPECT_EQ(Next(), "f");
}

TEST_F(StreamStateTest, AHeartbeatBeforeTheHalfCloseIsAnswered) {
  Open();
  Frame(0);
  EXPECT_TRUE(state_.OnEnd(End::kHalfClose, absl::OkStatus()));
  EXPECT_EQ(Next(), "w");
}

TEST_F(StreamStateTest, TheFirstReasonStands) {
  Open();
  EXPECT_TRUE(state_.OnEnd(End::kViolation, absl::InvalidArgumentError("gap")));
  EXPECT_TRUE(state_.OnEnd(End::kHalfClose, absl::OkStatus()));
  EXPECT_FALSE(state_.OnEnd(End::kStopped, absl::UnavailableError("stop")));
  EXPECT_EQ(state_.status(), absl::InvalidArgumentError("gap"));
}

TEST_F(StreamStateTest, AHalfCloseYieldsToWhatEndsItSooner) {
  Open();
  EXPECT_TRUE(state_.OnEnd(End::kHalfClose, absl::OkStatus()));
  EXPECT_FALSE(state_.OnEnd(End::kStopped, absl::UnavailableError("stop")));
  EXPECT_EQ(state_.status(), absl::UnavailableError("stop"));
}

TEST_F(StreamStateTest, ABreakIsNewsUnlessItWasCancelledHere) {
  Open();
  EXPECT_FALSE(state_.OnEnd(End::kStopped, absl::UnavailableError("unread")));
  EXPECT_FALSE(state_.OnEnd(End::kBroken, absl::CancelledError("")));
  EXPECT_EQ(state_.status(), absl::CancelledError(""));

  StreamState other(kPatience, now_);
  EXPECT_FALSE(other.OnEnd(End::kStopped, absl::UnavailableError("unread")));
  other.OnCancelling();
  EXPECT_FALSE(other.OnEnd(End::kBroken, absl::CancelledError("")));
  EXPECT_EQ(other.status(), absl::UnavailableError("unread"));
}

TEST_F(StreamStateTest, WhatComesAfterTheStatusChangesNothing) {
  EXPECT_FALSE(state_.OnEnd(End::kStopped, absl::UnavailableError("stop")));
  ASSERT_EQ(Next(), "f");
  EXPECT_FALSE(state_.OnEnd(End::kBroken, absl::CancelledError("")));
  EXPECT_EQ(state_.status(), absl::UnavailableError("stop"));
  EXPECT_FALSE(state_.OnRead(now_));
  EXPECT_FALSE(state_.Drain("Drain", "drain"));
  EXPECT_FALSE(state_.GatherResults());
  EXPECT_EQ(state_.phase(), Phase::kFinished);
}

TEST_F(StreamStateTest, NothingIsReadOnceTheStreamEnds) {
  Open();
  Frame();
  EXPECT_TRUE(state_.OnEnd(End::kHalfClose, absl::OkStatus()));
  supply_.all_taken = false;
  EXPECT_EQ(Next(), "");
}

TEST_F(StreamStateTest, TheStatusWaitsForTheWriteInFlight) {
  Open();
  Frame(0);
  ASSERT_EQ(Next(), "wr");
  EXPECT_FALSE(state_.OnReadStarted());
  EXPECT_FALSE(state_.OnEnd(End::kStopped, absl::UnavailableError("stop")));
  EXPECT_EQ(Next(), "");
  state_.OnWritten();
  EXPECT_EQ(Next(), "f");
}

TEST_F(StreamStateTest, TheStatusWaitsForAReadThatIsAboutToStart) {
  Open();
  Frame();
  ASSERT_EQ(Next(), "r");
  EXPECT_FALSE(state_.OnEnd(End::kStopped, absl::UnavailableError("stop")));
  EXPECT_EQ(Next(), "");
  EXPECT_TRUE(state_.OnReadStarted());
  EXPECT_EQ(Next(), "f");
}

TEST_F(StreamStateTest, AReadMayBeOverBeforeItsThreadSaysThatItIsStarted) {
  Open();
  Frame();
  ASSERT_EQ(Next(), "r");
  // Another thread has what was read, and is about to read again.
  Frame();
  ASSERT_EQ(Next(), "r");
  EXPECT_FALSE(state_.OnEnd(End::kStopped, absl::UnavailableError("stop")));
  EXPECT_EQ(Next(), "");
  EXPECT_FALSE(state_.OnReadStarted());
  EXPECT_EQ(Next(), "");
  EXPECT_TRUE(state_.OnReadStarted());
  EXPECT_EQ(Next(), "f");
}

TEST_F(StreamStateTest, TheStatusWaitsForTheMarker) {
  Open();
  EXPECT_TRUE(state_.GatherResults());
  EXPECT_FALSE(state_.OnEnd(End::kStopped, absl::UnavailableError("stop")));
  EXPECT_EQ(Next(), "");
  state_.OnMarkerReached();
  EXPECT_EQ(Next(), "f");
}

TEST_F(StreamStateTest, DrainGoesInFrontOfResultsAndIsSaidOnce) {
  Open();
  EXPECT_TRUE(state_.Drain("Drain", "drain"));
  EXPECT_FALSE(state_.Drain("Drain", "drain"));
  supply_.results = 1;
  EXPECT_EQ(Next(), "w");
  EXPECT_EQ(head_, "Drain");
}

TEST_F(StreamStateTest, DrainMayComeBeforeWelcome) {
  EXPECT_TRUE(state_.Drain("Drain", "drain"));
  EXPECT_EQ(Next(), "w");
  EXPECT_EQ(head_, "Drain");
}

TEST_F(StreamStateTest, WelcomeOvertakesADrainThatWasNotWrittenYet) {
  ASSERT_TRUE(state_.OnRead(now_));
  EXPECT_TRUE(state_.Drain("Drain", "drain"));
  state_.OnOpened(/*anonymous=*/false, "Welcome");
  EXPECT_FALSE(state_.OnProcessed(0, 0, absl::OkStatus()));
  EXPECT_EQ(Next(), "wr");
  EXPECT_EQ(head_, "WelcomeDrain");
}

TEST_F(StreamStateTest, AnEndingStreamIsNotDrained) {
  Open();
  EXPECT_TRUE(state_.OnEnd(End::kHalfClose, absl::OkStatus()));
  EXPECT_FALSE(state_.Drain("Drain", "drain"));
}

TEST_F(StreamStateTest, WhoLeftWithoutBeingToldSaidGoodbye) {
  Open();
  EXPECT_TRUE(state_.OnEnd(End::kHalfClose, absl::OkStatus()));
  EXPECT_EQ(state_.Why(), "goodbye");
}

TEST_F(StreamStateTest, WhoLeftAsToldLeftForWhatTheDrainWasFor) {
  Open();
  EXPECT_TRUE(state_.Drain("Drain", "rebalance"));
  EXPECT_FALSE(state_.Drain("Drain", "drain"));
  EXPECT_TRUE(state_.OnEnd(End::kHalfClose, absl::OkStatus()));
  EXPECT_EQ(state_.Why(), "rebalance");
}

TEST_F(StreamStateTest, WhatWentWrongIsSaidAlsoOfOneWhoWasTold) {
  Open();
  EXPECT_TRUE(state_.Drain("Drain", "drain"));
  EXPECT_FALSE(state_.OnEnd(End::kStopped, absl::UnavailableError("stop")));
  EXPECT_EQ(state_.Why(), "stop");
}

TEST_F(StreamStateTest, AStreamThatBreaksWithoutAWordHasBroken) {
  Open();
  EXPECT_FALSE(state_.OnEnd(End::kBroken, absl::CancelledError()));
  EXPECT_EQ(state_.Why(), "broken");
}

TEST_F(StreamStateTest, OnlyASessionThatStaysCanMove) {
  EXPECT_FALSE(state_.CanMove());
  Open();
  EXPECT_TRUE(state_.CanMove());
  EXPECT_TRUE(state_.Drain("Drain", "drain"));
  EXPECT_FALSE(state_.CanMove());
}

TEST_F(StreamStateTest, NeitherAnAnonymousNorAnEndingStreamCanMove) {
  Open(/*anonymous=*/true);
  EXPECT_FALSE(state_.CanMove());
  StreamState other(kPatience, now_);
  ASSERT_TRUE(other.OnRead(now_));
  other.OnOpened(false, "");
  EXPECT_FALSE(other.OnProcessed(0, 0, absl::OkStatus()));
  EXPECT_TRUE(other.OnEnd(End::kHalfClose, absl::OkStatus()));
  EXPECT_FALSE(other.CanMove());
}

TEST_F(StreamStateTest, ResultsOfASmallFrameWaitUntilTheMarkerFindsNoOther) {
  Open();
  Gather();
  EXPECT_EQ(Next(), "rm");
  EXPECT_FALSE(state_.OnReadStarted());
  EXPECT_EQ(Next(), "");
  state_.OnMarkerReached();
  EXPECT_EQ(Next(), "w");
}

TEST_F(StreamStateTest, AFrameThatHadComeIsGatheredAndLookedBehindAgain) {
  Open();
  Gather();
  EXPECT_EQ(Next(), "rm");
  EXPECT_FALSE(state_.OnReadStarted());
  ASSERT_TRUE(state_.OnRead(now_));
  // The marker is reached while the frame is dealt with.
  state_.OnMarkerReached();
  EXPECT_EQ(Next(), "");
  EXPECT_FALSE(state_.OnProcessed(1, 64, absl::OkStatus()));
  EXPECT_EQ(Next(), "rm");
}

TEST_F(StreamStateTest, AFrameThatWasDealtWithBeforeTheMarkerLooksAgain) {
  Open();
  Gather();
  EXPECT_EQ(Next(), "rm");
  EXPECT_FALSE(state_.OnReadStarted());
  // Something was found, so that it is looked behind every frame.
  ASSERT_TRUE(state_.OnRead(now_));
  state_.OnMarkerReached();
  EXPECT_FALSE(state_.OnProcessed(1, 64, absl::OkStatus()));
  EXPECT_EQ(Next(), "rm");
  EXPECT_FALSE(state_.OnReadStarted());
  Frame();
  EXPECT_EQ(Next(), "r");
  EXPECT_FALSE(state_.OnReadStarted());
  state_.OnMarkerReached();
  EXPECT_EQ(Next(), "m");
}

TEST_F(StreamStateTest, ManyMessagesAreNotHeldBack) {
  Open();
  Gather();
  ASSERT_EQ(Next(), "rm");
  EXPECT_FALSE(state_.OnReadStarted());
  Frame(wire::GatherPolicy::kEnoughMessages);
  EXPECT_EQ(Next(), "wr");
}

TEST_F(StreamStateTest, WhatNothingCanBeAddedToIsWritten) {
  Open(/*anonymous=*/true);
  Gather();
  at_limit_ = true;
  EXPECT_EQ(Next(), "w");
}

TEST_F(StreamStateTest, AnEndingStreamHoldsNothingBack) {
  Open();
  Gather();
  EXPECT_EQ(Next(), "rm");
  EXPECT_FALSE(state_.OnReadStarted());
  EXPECT_TRUE(state_.OnEnd(End::kHalfClose, absl::OkStatus()));
  EXPECT_EQ(Next(), "w");
  state_.OnWritten();
  EXPECT_EQ(Next(), "");
  state_.OnMarkerReached();
  EXPECT_EQ(Next(), "f");
}

TEST_F(StreamStateTest, ResultsThatOthersFollowWaitForTheThreadThatReads) {
  Open();
  EXPECT_TRUE(state_.GatherResults());
  EXPECT_FALSE(state_.GatherResults());
  supply_.results = 2;
  state_.OnMarkerReached();
  EXPECT_EQ(Next(), "w");
  // Behind a write in flight they wait for that.
  EXPECT_FALSE(state_.GatherResults());
}

TEST_F(StreamStateTest, ASessionsClientThatIsSilentIsGivenUp) {
  Open();
  EXPECT_EQ(state_.NextTick(now_), now_ + kPatience);
  EXPECT_EQ(state_.OnTick(now_ + kPatience), Verdict::kPatient);
  EXPECT_EQ(state_.OnTick(now_ + kPatience + absl::Seconds(1)),
            Verdict::kSilent);
  now_ += absl::Seconds(10);
  Frame(0);
  EXPECT_EQ(state_.NextTick(now_ + absl::Seconds(5)), now_ + kPatience);
  EXPECT_EQ(state_.OnTick(now_ + kPatience), Verdict::kPatient);
}

TEST_F(StreamStateTest, AClientThatIsNotReadMayBeSilent) {
  Open();
  Frame();
  at_limit_ = true;
  EXPECT_EQ(Next(), "");
  EXPECT_TRUE(state_.withheld());
  now_ += 10 * kPatience;
  EXPECT_EQ(state_.OnTick(now_), Verdict::kPatient);
  EXPECT_EQ(state_.NextTick(now_), now_ + kPatience);

  // From here on it can be heard again.
  at_limit_ = false;
  EXPECT_EQ(Next(), "r");
  EXPECT_FALSE(state_.withheld());
  EXPECT_EQ(state_.OnTick(now_ + kPatience), Verdict::kPatient);
  EXPECT_EQ(state_.OnTick(now_ + kPatience + absl::Seconds(1)),
            Verdict::kSilent);
}

TEST_F(StreamStateTest, AStreamThatStarvesIsEndedAfterAWhile) {
  const absl::Duration most =
      std::min(kPatience / 3, StreamState::kMostStarving);
  Open();
  // It is read: whatever its session says, that was before.
  EXPECT_EQ(state_.OnTick(now_ + kPatience, /*starves=*/true),
            Verdict::kPatient);
  now_ += absl::Seconds(1);
  at_limit_ = true;
  Frame();
  EXPECT_EQ(Next(), "");
  const absl::Time since = now_;
  now_ += most;
  // Asked again meanwhile, it is withheld since then all the same.
  EXPECT_EQ(Next(), "");
  EXPECT_EQ(state_.OnTick(since + most, true), Verdict::kPatient);
  const absl::Time after = since + most + absl::Milliseconds(1);
  EXPECT_EQ(state_.OnTick(after, true), Verdict::kStarved);
  EXPECT_EQ(state_.OnTick(after, false), Verdict::kPatient);
  EXPECT_THAT(StreamState::Reproach(Verdict::kStarved, kPatience),
              testing::HasSubstr("open it again"));

  // It was read in between, and counts anew.
  at_limit_ = false;
  EXPECT_EQ(Next(), "r");
  EXPECT_FALSE(state_.OnReadStarted());
  at_limit_ = true;
  now_ = after;
  Frame();
  EXPECT_EQ(Next(), "");
  EXPECT_EQ(state_.OnTick(after + most, true), Verdict::kPatient);
  EXPECT_EQ(state_.OnTick(after + most + absl::Milliseconds(1), true),
            Verdict::kStarved);

  // Who does not take what is written is another matter.
  supply_.results = 1;
  EXPECT_EQ(Next(), "w");
  EXPECT_EQ(state_.OnTick(after + most + absl::Milliseconds(1), true),
            Verdict::kPatient);
}

TEST_F(StreamStateTest, AnAnonymousClientMayBeSilent) {
  Open(/*anonymous=*/true);
  EXPECT_EQ(state_.OnTick(now_ + 10 * kPatience), Verdict::kPatient);
  EXPECT_EQ(state_.NextTick(now_ + kPatience), now_ + 2 * kPatience);
}

TEST_F(StreamStateTest, AnEndingClientMayBeSilent) {
  Open();
  EXPECT_TRUE(state_.OnEnd(End::kHalfClose, absl::OkStatus()));
  EXPECT_EQ(state_.OnTick(now_ + 10 * kPatience), Verdict::kPatient);
}

TEST_F(StreamStateTest, AClientThatDoesNotReadIsGivenUp) {
  Open();
  now_ += absl::Seconds(10);
  Frame(0);
  ASSERT_EQ(Next(), "wr");
  const absl::Time written = now_;
  now_ += absl::Seconds(10);
  ASSERT_FALSE(state_.OnReadStarted());
  Frame();
  EXPECT_EQ(state_.NextTick(now_), written + kPatience);
  EXPECT_EQ(state_.OnTick(written + kPatience), Verdict::kPatient);
  EXPECT_EQ(state_.OnTick(written + kPatience + absl::Seconds(1)),
            Verdict::kUnread);
  state_.OnWritten();
  EXPECT_EQ(state_.OnTick(written + kPatience + absl::Seconds(1)),
            Verdict::kPatient);
}

TEST_F(StreamStateTest, AnAnonymousClientThatDoesNotReadIsGivenUp) {
  Open(/*anonymous=*/true);
  Frame();
  supply_.results = 1;
  ASSERT_EQ(Next(), "wr");
  EXPECT_EQ(state_.OnTick(now_ + kPatience), Verdict::kPatient);
  EXPECT_EQ(state_.OnTick(now_ + kPatience + absl::Seconds(1)),
            Verdict::kUnread);
}

TEST_F(StreamStateTest, AClientThatDoesNotTakeTheStatusIsCancelled) {
  Open();
  EXPECT_TRUE(state_.OnEnd(End::kHalfClose, absl::OkStatus()));
  now_ += absl::Seconds(10);
  ASSERT_EQ(Next(), "f");
  EXPECT_EQ(state_.NextTick(now_ + absl::Seconds(1)), now_ + kPatience);
  EXPECT_EQ(state_.OnTick(now_ + kPatience), Verdict::kPatient);
  EXPECT_EQ(state_.OnTick(now_ + kPatience + absl::Seconds(1)),
            Verdict::kUnfinished);
  state_.OnCancelling();
  EXPECT_EQ(state_.OnTick(now_ + 10 * kPatience), Verdict::kPatient);
}

class AgingStreamTest : public StreamStateTest {
 protected:
  static constexpr absl::Duration kMaxAge = absl::Seconds(6);
  AgingStreamTest() : StreamStateTest(kMaxAge) {}

  const absl::Time aged_at_ = now_ + kMaxAge;
};

TEST_F(AgingStreamTest, AnOldSessionIsToldToGoOnce) {
  Open();
  EXPECT_EQ(state_.NextTick(now_), aged_at_);
  EXPECT_EQ(state_.OnTick(aged_at_ - absl::Nanoseconds(1)), Verdict::kPatient);
  EXPECT_EQ(state_.OnTick(aged_at_), Verdict::kAged);
  ASSERT_TRUE(state_.Drain("Drain", "age"));
  EXPECT_EQ(state_.OnTick(aged_at_), Verdict::kPatient);
  EXPECT_EQ(state_.NextTick(now_), now_ + kPatience);
}

TEST_F(AgingStreamTest, OneThatWasToldToGoIsNotToldAgain) {
  Open();
  ASSERT_TRUE(state_.Drain("Drain", "age"));
  EXPECT_EQ(state_.NextTick(now_), now_ + kPatience);
  EXPECT_EQ(state_.OnTick(aged_at_), Verdict::kPatient);
}

TEST_F(AgingStreamTest, ItMayBeOldBeforeItIsOpen) {
  EXPECT_EQ(state_.NextTick(now_), aged_at_);
  EXPECT_EQ(state_.OnTick(aged_at_), Verdict::kPatient);
  EXPECT_EQ(state_.NextTick(aged_at_), aged_at_ + kPatience);
  now_ = aged_at_ + absl::Seconds(1);
  Open();
  EXPECT_EQ(state_.OnTick(now_), Verdict::kAged);
}

TEST_F(AgingStreamTest, WhatCannotBeResumedElsewhereStays) {
  Open(/*anonymous=*/true);
  EXPECT_EQ(state_.OnTick(aged_at_), Verdict::kPatient);
}

TEST_F(AgingStreamTest, AnEndingStreamIsLeftAlone) {
  Open();
  EXPECT_TRUE(state_.OnEnd(End::kHalfClose, absl::OkStatus()));
  EXPECT_EQ(state_.OnTick(aged_at_), Verdict::kPatient);
  EXPECT_EQ(state_.NextTick(now_), now_ + kPatience);
}

TEST_F(AgingStreamTest, AClientThatIsSilentIsGivenUpFirst) {
  Open();
  EXPECT_EQ(state_.OnTick(now_ + kPatience + absl::Seconds(1)),
            Verdict::kSilent);
}

TEST_F(StreamStateTest, PhasesHaveNames) {
  EXPECT_EQ(PhaseName(Phase::kOpening), "opening");
  EXPECT_EQ(PhaseName(Phase::kFinished), "finished");
}

TEST(StreamStateDeathTest, WhatCannotHaveHappenedIsABug) {
  const absl::Time now = absl::UnixEpoch();
  StreamState state(kPatience, now);
  EXPECT_DEATH(state.OnWritten(), "write_in_flight_");
  EXPECT_DEATH((void)state.OnReadStarted(), "reads_starting_");
  EXPECT_DEATH(state.OnMarkerReached(), "marker_in_flight");
  EXPECT_DEATH((void)state.OnProcessed(0, 0, absl::OkStatus()), "processing_");
  ASSERT_TRUE(state.OnRead(now));
  EXPECT_DEATH((void)state.OnRead(now), "processing_");
}

TEST_F(StreamStateTest, ItsDumpSaysWhereItIsAndWhatIsInFlight) {
  StateDump dump = state_.Dump(now_);
  EXPECT_EQ(dump.machine(), "processor::StreamState");
  EXPECT_EQ(dump["phase"], "opening");
  EXPECT_EQ(dump["end"], "none");
  EXPECT_EQ(dump["read_in_flight"], "true");
  EXPECT_EQ(dump["write_in_flight"], "false");
  EXPECT_EQ(dump["write_started"], "never");
  EXPECT_EQ(dump["aged_at"], "never");
  EXPECT_EQ(dump["patience"], "1m");
  Open();
  now_ += absl::Seconds(3);
  state_.OnCredentials(now_ + absl::Seconds(30));
  Frame(0);
  EXPECT_EQ(state_.Dump(now_)["owes_response"], "true");
  ASSERT_EQ(Next(), "wr");
  dump = state_.Dump(now_ + absl::Seconds(2));
  EXPECT_EQ(dump["phase"], "open");
  EXPECT_EQ(dump["anonymous"], "false");
  EXPECT_EQ(dump["owes_response"], "false");
  EXPECT_EQ(dump["write_in_flight"], "true");
  EXPECT_EQ(dump["write_started"], "2s ago");
  EXPECT_EQ(dump["heard"], "2s ago");
  EXPECT_EQ(dump["reads_starting"], "1");
  EXPECT_EQ(dump["credentials_expire"], "in 28s");
  EXPECT_EQ(dump["next_tick"], "in 28s");
  EXPECT_EQ(dump["drained_for"], "");
  ASSERT_TRUE(state_.Drain("Drain", "rebalance"));
  EXPECT_EQ(state_.Dump(now_)["drained_for"], "rebalance");
  EXPECT_EQ(state_.Dump(now_)["head_bytes"], "5");
}

TEST_F(StreamStateTest, ItsDumpSaysWhyItIsNotReadAndWhyItEnds) {
  Open(/*anonymous=*/true);
  EXPECT_EQ(state_.Dump(now_)["withheld"], "false");
  at_limit_ = true;
  Frame();
  supply_.results = 1;
  ASSERT_EQ(Next(), "w");
  StateDump dump = state_.Dump(now_ + absl::Seconds(1));
  EXPECT_EQ(dump["anonymous"], "true");
  EXPECT_EQ(dump["withheld"], "true");
  EXPECT_EQ(dump["withheld_since"], "1s ago");
  EXPECT_EQ(dump["read_in_flight"], "false");
  EXPECT_EQ(dump["status"], "");
  EXPECT_FALSE(state_.OnEnd(End::kStopped, absl::UnavailableError("no more")));
  dump = state_.Dump(now_);
  EXPECT_EQ(dump["phase"], "cutting");
  EXPECT_EQ(dump["end"], "stopped");
  EXPECT_EQ(dump["status"], "'UNAVAILABLE: no more'");
  EXPECT_EQ(dump["finished_at"], "never");
  EXPECT_EQ(dump["cancelling"], "false");
  state_.OnCancelling();
  EXPECT_EQ(state_.Dump(now_)["cancelling"], "true");
  state_.OnWritten();
  ASSERT_EQ(Next(), "f");
  EXPECT_EQ(state_.Dump(now_ + absl::Seconds(4))["finished_at"], "4s ago");
}

TEST_F(StreamStateTest, ItsDumpSaysWhatIsGathered) {
  Open();
  Gather();
  ASSERT_EQ(Next(), "rm");
  EXPECT_FALSE(state_.OnReadStarted());
  const StateDump dump = state_.Dump(now_);
  EXPECT_EQ(dump["gathering"], "true");
  EXPECT_EQ(dump["marker_in_flight"], "true");
  EXPECT_EQ(dump["gathered_messages"], "1");
  EXPECT_EQ(dump["gathered_bytes"], "64");
}

}  // namespace
}  // namespace msgproc::processor
