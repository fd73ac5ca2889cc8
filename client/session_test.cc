#include "client/session.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "msgproc/v1/processor.pb.h"

namespace msgproc::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SessionTest : public testing::Test {
 protected:
  SessionTest() : session_(Options()) {}

  static Session::Options Options() {
    v1::Open open;
    open.set_session_id("me");
    return {.open = open.SerializeAsString(),
            .connect_timeout = absl::Seconds(10)};
  }

  static v1::ProcessResponse Welcome() {
    v1::ProcessResponse response;
    v1::Welcome* welcome = response.mutable_welcome();
    welcome->set_state(v1::Welcome::STATE_NEW);
    welcome->set_server_id("server");
    welcome->set_max_batch_messages(10);
    welcome->set_max_payload_bytes(1000);
    welcome->set_max_outstanding_messages(100);
    welcome->set_max_outstanding_bytes(10'000);
    welcome->mutable_heartbeat_interval()->set_seconds(4);
    return response;
  }

  static v1::ProcessResponse Results(uint64_t first, uint64_t last) {
    v1::ProcessResponse response;
    for (uint64_t i = first; i <= last; ++i) {
      response.add_results()->set_sequence(i);
    }
    return response;
  }

  Session::Received Hear(const v1::ProcessResponse& response) {
    bytes_ = response.SerializeAsString();
    wire::ResponseFrame frame;
    EXPECT_TRUE(frame.Parse(bytes_));
    return session_.OnFrame(frame, now_);
  }

  void Connect(const v1::ProcessResponse& welcome = Welcome()) {
    session_.OnOpen(now_, &write_);
    ASSERT_TRUE(Hear(welcome).status.ok());
  }

  static v1::ProcessResponse Drain(v1::Drain::Reason reason) {
    v1::ProcessResponse response;
    response.mutable_drain()->set_reason(reason);
    return response;
  }

  // A connection begins: its Open.
  v1::Open Open() {
    session_.OnOpen(now_, &write_);
    EXPECT_TRUE(request_.ParseFromString(write_.head));
    return request_.open();
  }

  // The next write as a request; `write_` has the rest.
  bool NextWrite(v1::ProcessRequest* request) {
    if (!session_.NextWrite(now_, &write_)) return false;
    std::string bytes = write_.head;
    for (const wire::Piece& piece : write_.messages) {
      bytes.append(piece.data, piece.size);
    }
    EXPECT_TRUE(request->ParseFromString(bytes));
    return true;
  }

  absl::Time now_ = absl::UnixEpoch();
  Session session_;
  Session::Write write_;
  v1::ProcessRequest request_;
  std::string bytes_;
};

TEST_F(SessionTest, TheFirstWriteIsOpen) {
  session_.TryAppend("hi", {});
  session_.OnOpen(now_, &write_);
  std::string bytes = write_.head;
  for (const wire::Piece& piece : write_.messages) {
    bytes.append(piece.data, piece.size);
  }
  ASSERT_TRUE(request_.ParseFromString(bytes));
  EXPECT_EQ(request_.open().session_id(), "me");
  ASSERT_EQ(request_.messages_size(), 1);
  EXPECT_EQ(request_.messages(0).payload(), "hi");
  write_.half_close = true;
  EXPECT_FALSE(session_.NextWrite(now_, &write_)) << "before Welcome";
  EXPECT_FALSE(write_.has_frame);
  EXPECT_FALSE(write_.half_close);
  EXPECT_TRUE(write_.messages.empty());
}

TEST_F(SessionTest, HearsWelcome) {
  session_.OnOpen(now_, &write_);
  const Session::Received heard = Hear(Welcome());
  EXPECT_TRUE(heard.welcome);
  EXPECT_EQ(heard.state, SessionState::kNew);
  EXPECT_EQ(heard.server_id, "server");
  EXPECT_EQ(heard.first, 0U);
  EXPECT_EQ(heard.count, 0U);
  EXPECT_FALSE(heard.drain);
  EXPECT_FALSE(heard.duplicate);
  EXPECT_EQ(session_.phase(), Session::Phase::kOpen);
  EXPECT_EQ(session_.max_payload_bytes(), 1000U);
}

TEST_F(SessionTest, ResultsMayComeWithWelcome) {
  session_.TryAppend("hi", {});
  session_.OnOpen(now_, &write_);
  v1::ProcessResponse response = Welcome();
  response.add_results()->set_sequence(1);
  const Session::Received heard = Hear(response);
  EXPECT_TRUE(heard.welcome);
  EXPECT_EQ(heard.count, 1U);
}

TEST_F(SessionTest, AFrameOfResultsSaysNothingElse) {
  Connect();
  session_.TryAppend("hi", {});
  ASSERT_TRUE(NextWrite(&request_));
  const Session::Received heard = Hear(Results(1, 1));
  EXPECT_TRUE(heard.status.ok()) << heard.status;
  EXPECT_EQ(heard.count, 1U);
  EXPECT_FALSE(heard.welcome);
  EXPECT_FALSE(heard.drain);
  EXPECT_FALSE(heard.duplicate);
}

TEST_F(SessionTest, AMessagesSecondResultIsAnErrorThatIsCalledSo) {
  Connect();
  session_.TryAppend("a", {});
  session_.TryAppend("b", {});
  ASSERT_TRUE(NextWrite(&request_));
  EXPECT_FALSE(Hear(Results(1, 1)).duplicate);
  const Session::Received heard = Hear(Results(1, 1));
  EXPECT_EQ(heard.status.code(), absl::StatusCode::kInternal);
  EXPECT_TRUE(heard.duplicate);
}

TEST_F(SessionTest, ResultsBeforeWelcomeAreAnError) {
  session_.TryAppend("hi", {});
  session_.OnOpen(now_, &write_);
  const Session::Received heard = Hear(Results(1, 1));
  EXPECT_EQ(heard.status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(heard.count, 0U);
}

TEST_F(SessionTest, ASecondWelcomeIsAnError) {
  Connect();
  EXPECT_EQ(Hear(Welcome()).status.code(), absl::StatusCode::kInternal);
}

TEST_F(SessionTest, HearsThatTheSessionWasLostAndSendsEverythingAgain) {
  Connect();
  session_.TryAppend("hi", {});
  ASSERT_TRUE(NextWrite(&request_));
  session_.OnDisconnected();
  EXPECT_FALSE(session_.window().connected());
  session_.OnOpen(now_, &write_);
  v1::ProcessResponse welcome = Welcome();
  welcome.mutable_welcome()->set_state(v1::Welcome::STATE_LOST);
  const Session::Received heard = Hear(welcome);
  EXPECT_TRUE(heard.status.ok()) << heard.status;
  EXPECT_TRUE(heard.welcome);
  EXPECT_EQ(heard.state, SessionState::kLost);
  ASSERT_TRUE(NextWrite(&request_));
  ASSERT_EQ(request_.messages_size(), 1);
  EXPECT_EQ(request_.messages(0).payload(), "hi");
}

TEST_F(SessionTest, ResultsThatAreThereAlreadyStandBeforeTheFirstNewOne) {
  Connect();
  session_.TryAppend("a", {});
  session_.TryAppend("b", {});
  ASSERT_TRUE(NextWrite(&request_));
  Hear(Results(1, 1));
  session_.OnDisconnected();
  session_.OnOpen(now_, &write_);
  v1::ProcessResponse response = Results(1, 2);
  *response.mutable_welcome() = Welcome().welcome();
  response.mutable_welcome()->set_state(v1::Welcome::STATE_RESUMED);
  response.mutable_welcome()->set_accepted_through(2);
  const Session::Received heard = Hear(response);
  EXPECT_TRUE(heard.status.ok()) << heard.status;
  EXPECT_EQ(heard.state, SessionState::kResumed);
  EXPECT_EQ(heard.first, 1U);
  EXPECT_EQ(heard.count, 1U);
}

TEST_F(SessionTest, SendsNoMoreAtOnceThanTheServerAllows) {
  const auto sent = [this](const v1::ProcessResponse& welcome) {
    Session session(Options());
    session.OnOpen(now_, &write_);
    bytes_ = welcome.SerializeAsString();
    wire::ResponseFrame frame;
    EXPECT_TRUE(frame.Parse(bytes_));
    EXPECT_TRUE(session.OnFrame(frame, now_).status.ok());
    for (int i = 0; i < 9; ++i) session.TryAppend("0123456789", {});
    std::vector<int> frames;
    while (session.NextWrite(now_, &write_)) {
      std::string bytes = write_.head;
      for (const wire::Piece& piece : write_.messages) {
        bytes.append(piece.data, piece.size);
      }
      EXPECT_TRUE(request_.ParseFromString(bytes));
      frames.push_back(request_.messages_size());
    }
    return frames;
  };
  v1::ProcessResponse welcome = Welcome();
  EXPECT_THAT(sent(welcome), ElementsAre(9));
  welcome.mutable_welcome()->set_max_batch_messages(5);
  EXPECT_THAT(sent(welcome), ElementsAre(5, 4));
  welcome.mutable_welcome()->set_max_outstanding_messages(7);
  EXPECT_THAT(sent(welcome), ElementsAre(5, 2));
  welcome.mutable_welcome()->set_max_outstanding_bytes(30);
  EXPECT_THAT(sent(welcome), ElementsAre(3));
}

TEST_F(SessionTest, WhatTheServerDoesNotLimitIsNotLimited) {
  v1::ProcessResponse welcome = Welcome();
  welcome.mutable_welcome()->clear_max_payload_bytes();
  Connect(welcome);
  EXPECT_EQ(session_.max_payload_bytes(), UINT64_MAX);
  session_.OnDisconnected();
  welcome.mutable_welcome()->set_max_payload_bytes(1);
  Connect(welcome);
  EXPECT_EQ(session_.max_payload_bytes(), 1U);
}

TEST_F(SessionTest, AnUnknownStateIsAnError) {
  session_.OnOpen(now_, &write_);
  v1::ProcessResponse welcome = Welcome();
  welcome.mutable_welcome()->set_state(v1::Welcome::STATE_UNSPECIFIED);
  EXPECT_EQ(Hear(welcome).status.code(), absl::StatusCode::kInternal);
}

TEST_F(SessionTest, SpeaksAtLeastEveryHeartbeatInterval) {
  Connect();
  EXPECT_FALSE(NextWrite(&request_));
  EXPECT_EQ(session_.SpeakTime(), now_ + absl::Seconds(4));
  now_ += absl::Seconds(4);
  ASSERT_TRUE(NextWrite(&request_));
  EXPECT_EQ(request_.ByteSizeLong(), 0U);
  EXPECT_EQ(session_.SpeakTime(), now_ + absl::Seconds(4));
  EXPECT_FALSE(NextWrite(&request_));
}

TEST_F(SessionTest, AMessageIsAHeartbeatToo) {
  Connect();
  now_ += absl::Seconds(3);
  session_.TryAppend("hi", {});
  ASSERT_TRUE(NextWrite(&request_));
  EXPECT_EQ(session_.SpeakTime(), now_ + absl::Seconds(4));
}

TEST_F(SessionTest, ThreeSilentIntervalsBreakTheConnection) {
  Connect();
  now_ += absl::Seconds(8);
  ASSERT_TRUE(Hear(v1::ProcessResponse()).status.ok());
  EXPECT_EQ(session_.BreakTime(), now_ + absl::Seconds(12));
  now_ += absl::Seconds(12) - absl::Nanoseconds(1);
  EXPECT_TRUE(session_.OnTime(now_).ok());
  now_ += absl::Nanoseconds(1);
  EXPECT_EQ(session_.OnTime(now_).code(), absl::StatusCode::kUnavailable);
}

TEST_F(SessionTest, SilenceWhileTheCallerWasTooBusyToReadIsItsOwn) {
  Connect();
  now_ += absl::Seconds(11);
  session_.OnBusy(now_);
  EXPECT_EQ(session_.BreakTime(), now_ + absl::Seconds(12));
}

TEST_F(SessionTest, AnIntervalMayHaveAFraction) {
  v1::ProcessResponse welcome = Welcome();
  welcome.mutable_welcome()->mutable_heartbeat_interval()->set_nanos(
      500'000'000);
  Connect(welcome);
  EXPECT_EQ(session_.SpeakTime(), now_ + absl::Milliseconds(4500));
}

TEST_F(SessionTest, SocketsOpenedOneAfterAnotherWakeTogether) {
  session_.OnOpen(now_ + absl::Milliseconds(1), &write_);
  EXPECT_EQ(session_.BreakTime(), now_ + absl::Milliseconds(10'100));
  EXPECT_FALSE(session_.OnTime(session_.BreakTime()).ok());
  Session another(Session::Options{});
  another.OnOpen(now_ + absl::Milliseconds(99), &write_);
  EXPECT_EQ(another.BreakTime(), session_.BreakTime());
}

TEST_F(SessionTest, WhatLastsShortlyIsTimedFinely) {
  Session session({.connect_timeout = absl::Milliseconds(80)});
  session.OnOpen(now_ + absl::Milliseconds(1), &write_);
  EXPECT_EQ(session.BreakTime(), now_ + absl::Milliseconds(90));
}

TEST_F(SessionTest, HeartbeatsGoTogetherAndNeverLate) {
  Connect();
  const absl::Time connected = now_;
  for (const int late : {1, 50, 99}) {
    now_ = connected + absl::Milliseconds(late);
    session_.TryAppend("hi", {});
    ASSERT_TRUE(NextWrite(&request_));
    EXPECT_EQ(session_.SpeakTime(), connected + absl::Seconds(4));
  }
}

TEST_F(SessionTest, WhatMayBeDueIsNeverSaidTooLate) {
  const absl::Duration least = absl::Nanoseconds(1);
  EXPECT_FALSE(session_.MayBeDueBefore(absl::InfiniteFuture())) << "detached";
  session_.OnOpen(now_, &write_);
  EXPECT_FALSE(session_.MayBeDueBefore(now_ + absl::Seconds(10)));
  EXPECT_TRUE(session_.MayBeDueBefore(now_ + absl::Seconds(10) + least));
  Hear(Welcome());
  const absl::Time heartbeat = now_ + absl::Seconds(4);
  EXPECT_FALSE(session_.MayBeDueBefore(heartbeat - absl::Milliseconds(100)));
  EXPECT_TRUE(
      session_.MayBeDueBefore(heartbeat - absl::Milliseconds(100) + least));
  // A result wants to be acknowledged sooner.
  session_.TryAppend("hi", {});
  ASSERT_TRUE(NextWrite(&request_));
  Hear(Results(1, 1));
  const absl::Time acknowledge = session_.window().acknowledge_by();
  ASSERT_LT(acknowledge, heartbeat - absl::Milliseconds(100));
  EXPECT_EQ(session_.SpeakTime(), acknowledge);
  EXPECT_FALSE(session_.MayBeDueBefore(acknowledge));
  EXPECT_TRUE(session_.MayBeDueBefore(acknowledge + least));
  now_ = acknowledge;
  session_.Close();
  ASSERT_TRUE(NextWrite(&request_));
  ASSERT_TRUE(write_.half_close);
  // Nothing is said any more.
  const absl::Time end = now_ + absl::Seconds(10);
  EXPECT_FALSE(session_.MayBeDueBefore(end));
  EXPECT_TRUE(session_.MayBeDueBefore(end + least));
}

TEST_F(SessionTest, WithoutHeartbeatsNothingIsDueAndNothingBreaks) {
  v1::ProcessResponse welcome = Welcome();
  welcome.mutable_welcome()->clear_heartbeat_interval();
  Connect(welcome);
  EXPECT_EQ(session_.SpeakTime(), absl::InfiniteFuture());
  EXPECT_EQ(session_.BreakTime(), absl::InfiniteFuture());
  EXPECT_TRUE(session_.OnTime(now_ + absl::Hours(1000)).ok());
}

TEST_F(SessionTest, HeartbeatsAreOfTheirConnection) {
  Connect();
  session_.OnDisconnected();
  v1::ProcessResponse welcome = Welcome();
  welcome.mutable_welcome()->mutable_heartbeat_interval()->set_seconds(0);
  Connect(welcome);
  EXPECT_EQ(session_.SpeakTime(), absl::InfiniteFuture()) << "0 is none";
  EXPECT_EQ(session_.BreakTime(), absl::InfiniteFuture());
  EXPECT_TRUE(session_.OnTime(now_).ok());
}

TEST_F(SessionTest, WithoutTimeToConnectItBreaksAtOnce) {
  Session session({.connect_timeout = absl::ZeroDuration()});
  now_ += absl::Milliseconds(1);
  session.OnOpen(now_, &write_);
  EXPECT_EQ(session.BreakTime(), now_);
}

TEST_F(SessionTest, SpeaksOnlyBetweenWelcomeAndTheHalfClose) {
  EXPECT_EQ(session_.SpeakTime(), absl::InfiniteFuture());
  EXPECT_EQ(session_.BreakTime(), absl::InfiniteFuture());
  session_.OnOpen(now_, &write_);
  EXPECT_EQ(session_.SpeakTime(), absl::InfiniteFuture());
  Hear(Welcome());
  EXPECT_EQ(session_.SpeakTime(), now_ + absl::Seconds(4));
  Hear(Drain(v1::Drain::REASON_UNSPECIFIED));
  EXPECT_EQ(session_.SpeakTime(), now_ + absl::Seconds(4));
  ASSERT_TRUE(NextWrite(&request_));
  ASSERT_TRUE(write_.half_close);
  EXPECT_EQ(session_.SpeakTime(), absl::InfiniteFuture());
}

TEST_F(SessionTest, AnOpenDoesNotHalfCloseWhateverWasWrittenBefore) {
  Connect();
  session_.Close();
  ASSERT_TRUE(NextWrite(&request_));
  ASSERT_TRUE(write_.half_close);
  session_.OnDisconnected();
  session_.OnOpen(now_, &write_);
  EXPECT_FALSE(write_.half_close);
  EXPECT_TRUE(write_.has_frame);
}

TEST_F(SessionTest, AnOpenSendsOnlyWhatHasNoResultWhateverWasWrittenBefore) {
  Connect();
  session_.TryAppend("hi", {});
  ASSERT_TRUE(NextWrite(&request_));
  ASSERT_FALSE(write_.messages.empty());
  Hear(Results(1, 1));
  session_.OnDisconnected();
  session_.OnOpen(now_, &write_);
  EXPECT_TRUE(write_.messages.empty());
}

TEST_F(SessionTest, AnAttemptToConnectTakesNoLongerThanItMay) {
  session_.OnOpen(now_, &write_);
  EXPECT_EQ(session_.BreakTime(), now_ + absl::Seconds(10));
  EXPECT_TRUE(session_.OnTime(now_).ok());
  EXPECT_EQ(session_.OnTime(now_ + absl::Seconds(10)).code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(SessionTest, AcknowledgesASecondAfterTheFirstResultAtTheLatest) {
  Connect();
  session_.TryAppend("hi", {});
  ASSERT_TRUE(NextWrite(&request_));
  Hear(Results(1, 1));
  EXPECT_FALSE(NextWrite(&request_));
  EXPECT_EQ(session_.SpeakTime(), now_ + absl::Seconds(1));
  now_ += absl::Seconds(1);
  ASSERT_TRUE(NextWrite(&request_));
  EXPECT_EQ(request_.received_through(), 1U);
  EXPECT_EQ(request_.messages_size(), 0);
}

TEST_F(SessionTest, ClosesOnceEverythingIsAnswered) {
  Connect();
  session_.TryAppend("hi", {});
  session_.Close();
  ASSERT_TRUE(NextWrite(&request_));
  EXPECT_FALSE(write_.half_close);
  EXPECT_FALSE(NextWrite(&request_));
  Hear(Results(1, 1));
  ASSERT_TRUE(NextWrite(&request_));
  EXPECT_TRUE(write_.has_frame);
  EXPECT_EQ(request_.received_through(), 1U);
  EXPECT_TRUE(write_.half_close);
  EXPECT_EQ(session_.phase(), Session::Phase::kHalfClosed);
  EXPECT_FALSE(NextWrite(&request_));
}

TEST_F(SessionTest, ClosesWithoutAFrameWhenThereIsNothingToSay) {
  Connect();
  session_.Close();
  ASSERT_TRUE(NextWrite(&request_));
  EXPECT_FALSE(write_.has_frame);
  EXPECT_TRUE(write_.half_close);
}

TEST_F(SessionTest, AServerThatDoesNotEndAfterTheHalfCloseIsGivenUp) {
  v1::ProcessResponse welcome = Welcome();
  welcome.mutable_welcome()->clear_heartbeat_interval();
  Connect(welcome);
  EXPECT_EQ(session_.BreakTime(), absl::InfiniteFuture());
  session_.Close();
  ASSERT_TRUE(NextWrite(&request_));
  EXPECT_EQ(session_.BreakTime(), now_ + absl::Seconds(10));
  EXPECT_THAT(session_.OnTime(now_ + absl::Seconds(10)).message(),
              HasSubstr("after the half-close"));
}

TEST_F(SessionTest, DrainsOnlyWhatIsInFlight) {
  Connect();
  session_.TryAppend("sent", {});
  ASSERT_TRUE(NextWrite(&request_));
  session_.TryAppend("waits", {});
  v1::ProcessResponse drain;
  drain.mutable_drain()->set_server_address("there:1");
  drain.mutable_drain()->mutable_grace()->set_seconds(5);
  EXPECT_TRUE(Hear(drain).drain);
  EXPECT_EQ(session_.drain_address(), "there:1");
  EXPECT_FALSE(NextWrite(&request_));
  EXPECT_EQ(session_.BreakTime(), now_ + absl::Seconds(5));
  Hear(Results(1, 1));
  ASSERT_TRUE(NextWrite(&request_));
  EXPECT_EQ(request_.messages_size(), 0);
  EXPECT_EQ(request_.received_through(), 1U);
  EXPECT_TRUE(write_.half_close);
}

TEST_F(SessionTest, DrainMayComeBeforeWelcome) {
  session_.TryAppend("hi", {});
  session_.OnOpen(now_, &write_);
  session_.TryAppend("waits", {});
  v1::ProcessResponse drain;
  drain.mutable_drain()->set_server_address("there:1");
  EXPECT_TRUE(Hear(drain).status.ok());
  EXPECT_TRUE(session_.refused_by_drain());
  EXPECT_FALSE(NextWrite(&request_)) << "before Welcome";
  const Session::Received heard = Hear(Welcome());
  EXPECT_TRUE(heard.status.ok());
  EXPECT_TRUE(heard.welcome);
  EXPECT_TRUE(heard.drain);
  EXPECT_FALSE(session_.refused_by_drain());
  EXPECT_EQ(session_.drain_address(), "there:1");
  EXPECT_FALSE(NextWrite(&request_)) << "the first message has no result yet";
  Hear(Results(1, 1));
  ASSERT_TRUE(NextWrite(&request_));
  EXPECT_EQ(request_.messages_size(), 0);
  EXPECT_TRUE(write_.half_close);
}

TEST_F(SessionTest, DrainAndWelcomeMayShareAFrame) {
  session_.OnOpen(now_, &write_);
  v1::ProcessResponse both = Welcome();
  both.mutable_drain();
  const Session::Received heard = Hear(both);
  EXPECT_TRUE(heard.welcome);
  EXPECT_TRUE(heard.drain);
  EXPECT_EQ(session_.phase(), Session::Phase::kDraining);
}

TEST_F(SessionTest,
       AWelcomeThatDoesNotFollowDrainIsNotWaitedForBeyondTheGrace) {
  session_.OnOpen(now_, &write_);
  v1::ProcessResponse drain;
  drain.mutable_drain()->mutable_grace()->set_seconds(1);
  EXPECT_TRUE(Hear(drain).status.ok());
  EXPECT_LE(session_.BreakTime(), now_ + absl::Milliseconds(1100));
  EXPECT_FALSE(session_.OnTime(now_ + absl::Seconds(1)).ok());
}

TEST_F(SessionTest, ResultsWithADrainBeforeWelcomeAreAnError) {
  session_.TryAppend("hi", {});
  session_.OnOpen(now_, &write_);
  v1::ProcessResponse response = Results(1, 1);
  response.mutable_drain();
  EXPECT_EQ(Hear(response).status.code(), absl::StatusCode::kInternal);
}

TEST_F(SessionTest, EveryOpenIsNumbered) {
  for (uint64_t attempt = 1; attempt <= 300; ++attempt) {
    EXPECT_EQ(Open().attempt(), attempt);
    EXPECT_EQ(request_.open().session_id(), "me");
    if (attempt % 2 == 0) {
      EXPECT_TRUE(Hear(Welcome()).status.ok());
    }
    session_.OnDisconnected();
  }
}

TEST_F(SessionTest, SaysWhyItWasSentAwayUntilAnotherServerHasWelcomedIt) {
  EXPECT_EQ(Open().moved_for(), v1::Drain::REASON_UNSPECIFIED);
  EXPECT_TRUE(Hear(Welcome()).status.ok());
  Hear(Drain(v1::Drain::REASON_REBALANCE));
  ASSERT_TRUE(NextWrite(&request_));
  EXPECT_TRUE(write_.half_close);
  session_.OnDisconnected();
  EXPECT_EQ(Open().moved_for(), v1::Drain::REASON_REBALANCE);
  session_.OnDisconnected();
  EXPECT_EQ(Open().moved_for(), v1::Drain::REASON_REBALANCE)
      << "no server has answered since";
  EXPECT_TRUE(Hear(Welcome()).status.ok());
  session_.OnDisconnected();
  EXPECT_EQ(Open().moved_for(), v1::Drain::REASON_UNSPECIFIED)
      << "that one did not send it away";
}

TEST_F(SessionTest, ADrainIsTheReasonForOneMoveOnly) {
  Connect();
  Hear(Drain(v1::Drain::REASON_REBALANCE));
  ASSERT_TRUE(NextWrite(&request_));
  session_.OnDisconnected();
  Connect();
  // This server is left in order as well, but not because it said so.
  session_.Close();
  ASSERT_TRUE(NextWrite(&request_));
  ASSERT_TRUE(write_.half_close);
  session_.OnDisconnected();
  EXPECT_EQ(Open().moved_for(), v1::Drain::REASON_UNSPECIFIED);
}

TEST_F(SessionTest, WhatIsLeftBehindWhenADrainIsCutShortIsNoMove) {
  Connect();
  session_.TryAppend("sent", {});
  ASSERT_TRUE(NextWrite(&request_));
  Hear(Drain(v1::Drain::REASON_SHUTDOWN));
  session_.OnDisconnected();
  EXPECT_EQ(Open().moved_for(), v1::Drain::REASON_UNSPECIFIED);
}

TEST_F(SessionTest, ADrainThatIsCutShortWithNothingUnderWayIsAMove) {
  Connect();
  Hear(Drain(v1::Drain::REASON_SHUTDOWN));
  session_.OnDisconnected();
  EXPECT_EQ(Open().moved_for(), v1::Drain::REASON_SHUTDOWN);
}

TEST_F(SessionTest, AServerThatSendsItAwayInPlaceOfAWelcomeIsLeftInOrder) {
  EXPECT_EQ(Open().attempt(), 1U);
  Hear(Drain(v1::Drain::REASON_SHUTDOWN));
  session_.OnDisconnected();
  EXPECT_EQ(Open().moved_for(), v1::Drain::REASON_SHUTDOWN);
}

TEST_F(SessionTest, ASessionThatSomeoneElseSentMessagesInCannotBeGoneOnWith) {
  session_.OnOpen(now_, &write_);
  v1::ProcessResponse response = Welcome();
  response.mutable_welcome()->set_state(v1::Welcome::STATE_RESUMED);
  response.mutable_welcome()->set_session_id("me");
  response.mutable_welcome()->set_accepted_through(7);
  const absl::Status status = Hear(response).status;
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("session 'me'"), std::string::npos) << status;
  EXPECT_NE(status.message().find("new session_id"), std::string::npos);
}

TEST_F(SessionTest, ADrainThatTakesLongerThanItsGraceBreaks) {
  Connect();
  session_.TryAppend("sent", {});
  ASSERT_TRUE(NextWrite(&request_));
  v1::ProcessResponse drain;
  drain.mutable_drain()->mutable_grace()->set_seconds(1);
  Hear(drain);
  const absl::Status status = session_.OnTime(now_ + absl::Seconds(1));
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("the time to drain"));
}

TEST_F(SessionTest, HeartbeatsGoOnWhileDraining) {
  Connect();
  session_.TryAppend("sent", {});
  ASSERT_TRUE(NextWrite(&request_));
  v1::ProcessResponse drain;
  drain.mutable_drain();
  Hear(drain);
  now_ += absl::Seconds(4);
  ASSERT_TRUE(NextWrite(&request_));
  EXPECT_EQ(request_.ByteSizeLong(), 0U);
  EXPECT_FALSE(write_.half_close);
}

TEST_F(SessionTest, ANewConnectionForgetsTheDrainOfTheLast) {
  Connect();
  v1::ProcessResponse drain;
  drain.mutable_drain()->mutable_grace()->set_seconds(1);
  Hear(drain);
  session_.OnDisconnected();
  EXPECT_EQ(session_.BreakTime(), absl::InfiniteFuture());
  Connect();
  EXPECT_EQ(session_.phase(), Session::Phase::kOpen);
  EXPECT_EQ(session_.BreakTime(), now_ + absl::Seconds(12));
}

TEST_F(SessionTest, ANewConnectionForgetsADrainThatCameInPlaceOfAWelcome) {
  session_.OnOpen(now_, &write_);
  v1::ProcessResponse drain;
  drain.mutable_drain()->set_server_address("there:1");
  Hear(drain);
  ASSERT_TRUE(session_.refused_by_drain());
  session_.OnDisconnected();
  session_.OnOpen(now_, &write_);
  EXPECT_FALSE(session_.refused_by_drain());
  EXPECT_EQ(session_.drain_address(), "");
  EXPECT_FALSE(Hear(Welcome()).drain);
  EXPECT_EQ(session_.phase(), Session::Phase::kOpen);
}

TEST_F(SessionTest, SendsAFreshTokenByItselfOrWithMessages) {
  Connect();
  EXPECT_EQ(session_.RefreshTime(), absl::InfiniteFuture());
  v1::ProcessRequest request;
  session_.Refresh("fresh");
  ASSERT_TRUE(NextWrite(&request));
  EXPECT_EQ(request.refresh_token(), "fresh");
  EXPECT_EQ(request.messages_size(), 0);
  EXPECT_FALSE(NextWrite(&request));
  session_.Refresh("fresher");
  ASSERT_EQ(session_.TryAppend("hello", {}), 1U);
  ASSERT_TRUE(NextWrite(&request));
  EXPECT_EQ(request.refresh_token(), "fresher");
  EXPECT_EQ(request.messages_size(), 1);
}

TEST_F(SessionTest, ATokenIsOfItsConnection) {
  v1::ProcessResponse welcome = Welcome();
  welcome.mutable_welcome()->mutable_token_expires_in()->set_seconds(40);
  Connect(welcome);
  EXPECT_EQ(session_.RefreshTime(), now_ + absl::Seconds(30));
  v1::ProcessResponse soon;
  soon.mutable_token_expires_in()->set_nanos(1000);
  EXPECT_TRUE(Hear(soon).status.ok());
  EXPECT_EQ(session_.RefreshTime(), now_ + absl::Milliseconds(100));
  session_.Refresh("fresh");
  session_.OnDisconnected();
  EXPECT_EQ(session_.RefreshTime(), absl::InfiniteFuture());
  Connect();
  EXPECT_EQ(session_.RefreshTime(), absl::InfiniteFuture());
  v1::ProcessRequest request;
  EXPECT_FALSE(NextWrite(&request));
}

TEST_F(SessionTest, ATokenThatWasRefreshedIsNotWantedUntilItsExpiryIsKnown) {
  v1::ProcessResponse welcome = Welcome();
  welcome.mutable_welcome()->mutable_token_expires_in()->set_seconds(40);
  Connect(welcome);
  session_.Refresh("fresh");
  EXPECT_EQ(session_.RefreshTime(), absl::InfiniteFuture());
  v1::ProcessResponse expiry;
  expiry.mutable_token_expires_in()->set_seconds(80);
  EXPECT_TRUE(Hear(expiry).status.ok());
  EXPECT_EQ(session_.RefreshTime(), now_ + absl::Seconds(60));
}

TEST_F(SessionTest, ATokenIsWantedWhileDrainingAndForThatConnectionOnly) {
  v1::ProcessResponse welcome = Welcome();
  welcome.mutable_welcome()->mutable_token_expires_in()->set_seconds(40);
  Connect(welcome);
  Hear(Drain(v1::Drain::REASON_SHUTDOWN));
  ASSERT_EQ(session_.phase(), Session::Phase::kDraining);
  EXPECT_EQ(session_.RefreshTime(), now_ + absl::Seconds(30));
  session_.OnDisconnected();
  Connect();
  EXPECT_EQ(session_.RefreshTime(), absl::InfiniteFuture());
  session_.OnNoToken(now_);
  EXPECT_EQ(session_.RefreshTime(), now_ + absl::Seconds(30));
}

TEST_F(SessionTest, WithoutATokenItAsksAgainAfterAQuarterOfWhatIsLeft) {
  v1::ProcessResponse welcome = Welcome();
  welcome.mutable_welcome()->mutable_token_expires_in()->set_seconds(400);
  Connect(welcome);
  session_.OnNoToken(now_);
  EXPECT_EQ(session_.RefreshTime(), now_ + absl::Seconds(30)) << "at most";
  now_ += absl::Seconds(360);
  session_.OnNoToken(now_);
  EXPECT_EQ(session_.RefreshTime(), now_ + absl::Seconds(10));
  now_ += absl::Seconds(40);
  session_.OnNoToken(now_);
  EXPECT_EQ(session_.RefreshTime(), now_ + absl::Milliseconds(100))
      << "at least";
}

TEST_F(SessionTest, RefusesAnExpiryThatIsNone) {
  Connect();
  wire::ResponseFrame frame;
  const std::string bytes = "\x22\x01\xFF";
  ASSERT_TRUE(frame.Parse(bytes));
  EXPECT_EQ(session_.OnFrame(frame, now_).status.code(),
            absl::StatusCode::kInternal);
}

v1::ProcessResponse Kept(v1::ProcessResponse response,
                         const std::string& generation) {
  response.mutable_welcome()->set_durability(v1::Welcome::DURABILITY_STORE);
  response.mutable_welcome()->set_store_generation(generation);
  return response;
}

TEST_F(SessionTest, SaysWhetherItWasWelcomedBeforeAndByWhichStore) {
  EXPECT_FALSE(Open().resumes());
  session_.OnDisconnected();
  // No Welcome came.
  EXPECT_FALSE(Open().resumes());
  ASSERT_TRUE(Hear(Kept(Welcome(), "gen")).status.ok());
  session_.OnDisconnected();
  const v1::Open again = Open();
  EXPECT_TRUE(again.resumes());
  EXPECT_EQ(again.store_generation(), "gen");
}

TEST_F(SessionTest, NeverGoesOnWithAnotherStoreOrWithout) {
  Connect(Kept(Welcome(), "gen"));
  for (const v1::ProcessResponse& other :
       {Kept(Welcome(), "another"), Welcome()}) {
    session_.OnDisconnected();
    session_.OnOpen(now_, &write_);
    const Session::Received received = Hear(other);
    EXPECT_EQ(received.status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(received.status.message(), HasSubstr("'gen'"));
    EXPECT_FALSE(received.welcome);
  }
  session_.OnDisconnected();
  Connect(Kept(Welcome(), "gen"));
}

TEST_F(SessionTest, MayInsistOnAStore) {
  Session::Options options = Options();
  options.require_durable = true;
  Session strict(options);
  strict.OnOpen(now_, &write_);
  bytes_ = Welcome().SerializeAsString();
  wire::ResponseFrame frame;
  ASSERT_TRUE(frame.Parse(bytes_));
  EXPECT_EQ(strict.OnFrame(frame, now_).status.code(),
            absl::StatusCode::kFailedPrecondition);
  strict.OnDisconnected();
  strict.OnOpen(now_, &write_);
  bytes_ = Kept(Welcome(), "gen").SerializeAsString();
  ASSERT_TRUE(frame.Parse(bytes_));
  EXPECT_TRUE(strict.OnFrame(frame, now_).status.ok());
}

TEST_F(SessionTest, GoesOnWithWhatAnOutboxHas) {
  KeptSession kept;
  kept.welcomed = true;
  kept.store_generation = "gen";
  kept.received_through = 3;
  kept.messages.resize(2);
  Session::Options options = Options();
  options.kept = &kept;
  Session session(options);
  session.OnOpen(now_, &write_);
  ASSERT_TRUE(request_.ParseFromString(write_.head));
  EXPECT_TRUE(request_.open().resumes());
  EXPECT_EQ(request_.open().store_generation(), "gen");
  EXPECT_EQ(request_.received_through(), 3U);
  EXPECT_EQ(session.store_generation(), "gen");
  EXPECT_EQ(session.window().outstanding(), 2U);
}

TEST_F(SessionTest, HalfClosesOnlyOnceAnOutboxHasEnded) {
  const KeptSession kept;
  Session::Options options = Options();
  options.kept = &kept;
  Session session(options);
  session.OnOpen(now_, &write_);
  wire::ResponseFrame frame;
  bytes_ = Welcome().SerializeAsString();
  ASSERT_TRUE(frame.Parse(bytes_));
  ASSERT_TRUE(session.OnFrame(frame, now_).status.ok());
  session.Close();
  EXPECT_FALSE(session.NextWrite(now_, &write_));
  session.OnKept({.ended = true}, now_);
  EXPECT_TRUE(session.NextWrite(now_, &write_));
  EXPECT_TRUE(write_.half_close);
}

}  // namespace
}  // namespace msgproc::client
