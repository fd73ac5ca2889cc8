// Every edge of ConnectionState's drawing, one at a time. What happens when
// many things do at once is connection_model_test's.
#include "client/connection_state.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/fake_clock.h"
#include "gtest/gtest.h"
#include "msgproc/v1/processor.pb.h"

namespace msgproc::client {
namespace {

using Kind = ConnectionState::Action::Kind;
using Phase = ConnectionState::Phase;
using Role = ConnectionState::Role;

class ConnectionStateTest : public ::testing::Test {
 protected:
  ConnectionStateTest() {
    options_.clock = &clock_;
    options_.random = [] { return uint64_t{0}; };
    options_.on_change = [this](Phase from, Phase to, absl::string_view why) {
      changes_.push_back(
          absl::StrCat(PhaseName(from), " ", PhaseName(to), ": ", why));
    };
  }

  void Make() { state_.emplace(options_); }

  Kind Next(Role role) {
    role_ = role;
    return state_->NextAction(&role_, &output_).kind;
  }
  // In the role that the last action was given in.
  Kind Again() { return state_->NextAction(&role_, &output_).kind; }

  void Locate() {
    EXPECT_EQ(Next(Role::kConnector), Kind::kLocate);
    EXPECT_EQ(state_->phase(), Phase::kLocating);
    EXPECT_EQ(Again(), Kind::kNone);
  }
  void Call(const std::string& address = "a") {
    Locate();
    state_->OnLocated(address);
    EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
    EXPECT_EQ(Next(Role::kConnector), Kind::kConnect);
    EXPECT_EQ(output_.address, address);
    EXPECT_FALSE(state_->OnCallMade(&output_.write));
    EXPECT_EQ(Again(), Kind::kNone);
    EXPECT_EQ(state_->phase(), Phase::kCalling);
  }
  // The server says something, and the thread that reads it does all it is
  // told.
  std::vector<Kind> Say(const v1::ProcessResponse& response) {
    state_->OnFrame();
    std::vector<Kind> told;
    Kind kind = Next(Role::kReader);
    const std::string bytes = response.SerializeAsString();
    wire::ResponseFrame frame;
    for (; kind != Kind::kNone; kind = Again()) {
      told.push_back(kind);
      if (kind == Kind::kParse) {
        EXPECT_TRUE(frame.Parse(bytes));
        state_->OnParsed(&frame, bytes.size());
      }
      if (kind == Kind::kResults) state_->OnDelivered();
    }
    return told;
  }
  static v1::ProcessResponse Welcome(uint64_t accepted_through = 0) {
    v1::ProcessResponse response;
    v1::Welcome* welcome = response.mutable_welcome();
    welcome->set_state(v1::Welcome::STATE_NEW);
    welcome->set_server_id("s");
    welcome->set_max_batch_messages(10);
    welcome->set_max_outstanding_messages(100);
    welcome->set_max_outstanding_bytes(1 << 20);
    welcome->set_max_payload_bytes(1 << 16);
    welcome->set_accepted_through(accepted_through);
    return response;
  }
  void Written(bool ok = true) {
    state_->OnWritten(ok);
    EXPECT_EQ(Next(Role::kWriter), Kind::kNone);
  }
  // The call is over, with this status; everything that follows is delivered.
  void EndCall(const absl::Status& status) {
    state_->OnReadEnded();
    EXPECT_EQ(Next(Role::kReader), Kind::kRelease);
    state_->OnCallEnded(status);
    Kind kind = Next(Role::kReader);
    for (; kind == Kind::kEvent; kind = Again())
      events_.push_back(output_.event);
    EXPECT_EQ(kind, Kind::kNone);
  }
  absl::Time Alarm() {
    absl::Time when;
    state_->TakeAlarm(&when);
    return when;
  }
  // The end is told by a thread of its own where there is no call.
  void ExpectToldEnd(absl::StatusCode code) {
    EXPECT_EQ(state_->phase(), Phase::kEnded);
    EXPECT_EQ(state_->status().code(), code);
    EXPECT_FALSE(state_->Finished());
    state_->OnTime();
    EXPECT_EQ(Next(Role::kConnector), Kind::kDeliverOnThread);
    EXPECT_EQ(Again(), Kind::kNone);
    EXPECT_EQ(Next(Role::kDeliverer), Kind::kEvent);
    EXPECT_EQ(output_.event.kind, StreamEvent::Kind::kClosed);
    EXPECT_FALSE(state_->Finished());
    EXPECT_EQ(Again(), Kind::kNone);
    EXPECT_TRUE(state_->Finished());
  }

  FakeClock clock_;
  ConnectionState::Options options_;
  std::optional<ConnectionState> state_;
  ConnectionState::Output output_;
  Role role_ = Role::kConnector;
  std::vector<StreamEvent> events_;
  std::vector<std::string> changes_;
};

TEST_F(ConnectionStateTest, LocatesCallsAndWelcomes) {
  Make();
  Call();
  Written();
  EXPECT_EQ(Say(Welcome()),
            (std::vector<Kind>{Kind::kParse, Kind::kEvent, Kind::kRead}));
  EXPECT_EQ(output_.event.kind, StreamEvent::Kind::kConnected);
  EXPECT_EQ(output_.event.address, "a");
  EXPECT_EQ(output_.event.state, SessionState::kNew);
  EXPECT_EQ(changes_, (std::vector<std::string>{
                          "waiting locating: it is time to connect",
                          "locating waiting: there is an answer",
                          "waiting calling: it is known where to connect"}));
}

TEST_F(ConnectionStateTest, WhereNobodyIsKnownItAsksAgainAfterAPause) {
  Make();
  Locate();
  state_->OnLocated(absl::UnavailableError("no server"));
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  EXPECT_EQ(state_->phase(), Phase::kWaiting);
  EXPECT_EQ(state_->destination().LastFailure(),
            "; the last attempt ended UNAVAILABLE: no server");
  clock_.Advance(absl::Seconds(10));
  state_->OnTime();
  EXPECT_EQ(Next(Role::kConnector), Kind::kLocate);
}

TEST_F(ConnectionStateTest, AnAddressThatIsRefusedForGoodEndsTheStream) {
  Make();
  Locate();
  state_->OnLocated(absl::PermissionDeniedError("not you"));
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  ExpectToldEnd(absl::StatusCode::kPermissionDenied);
}

TEST_F(ConnectionStateTest, CancelEndsItInEveryPhase) {
  Make();
  state_->Cancel();
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  ExpectToldEnd(absl::StatusCode::kCancelled);

  Make();
  Locate();
  state_->Cancel();
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  // The answer comes too late.
  state_->OnLocated(std::string("a"));
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  ExpectToldEnd(absl::StatusCode::kCancelled);

  Make();
  Call();
  state_->Cancel();
  EXPECT_EQ(Next(Role::kCaller), Kind::kCancel);
  EXPECT_EQ(Again(), Kind::kNone);
  EXPECT_EQ(state_->phase(), Phase::kCalling);
  Written(false);
  EndCall(absl::CancelledError("by us"));
  EXPECT_EQ(state_->phase(), Phase::kEnded);
  EXPECT_TRUE(state_->Finished());
}

TEST_F(ConnectionStateTest, WhatIsCancelledWhileItsCallIsMadeIsCancelledThen) {
  Make();
  Locate();
  state_->OnLocated(std::string("a"));
  EXPECT_EQ(Next(Role::kConnector), Kind::kConnect);
  state_->Cancel();
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  EXPECT_TRUE(state_->OnCallMade(&output_.write));
}

TEST_F(ConnectionStateTest, CloseEndsAtOnceWhereNothingIsOpen) {
  Make();
  state_->Close(/*inside=*/false);
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  ExpectToldEnd(absl::StatusCode::kOk);
}

TEST_F(ConnectionStateTest, CloseHalfClosesTheCallOnce) {
  Make();
  Call();
  Written();
  Say(Welcome());
  state_->Close(/*inside=*/false);
  EXPECT_EQ(Next(Role::kCaller), Kind::kWrite);
  EXPECT_TRUE(output_.write.half_close);
  EXPECT_EQ(Again(), Kind::kNone);
  Written();
  EndCall(absl::OkStatus());
  EXPECT_EQ(state_->phase(), Phase::kEnded);
  EXPECT_EQ(state_->status(), absl::OkStatus());
}

TEST_F(ConnectionStateTest, AClosedStreamConnectsForWhatHasNoResult) {
  Make();
  EXPECT_EQ(state_->TryAppend("x", {}), 1u);
  EXPECT_TRUE(state_->OnAppended(/*inside=*/false));
  state_->Close(/*inside=*/false);
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  EXPECT_EQ(state_->phase(), Phase::kWaiting);
  Call();
}

TEST_F(ConnectionStateTest, ItGivesUpInEveryPhase) {
  options_.reconnect.give_up_after = absl::Seconds(3);
  Make();
  Locate();
  EXPECT_EQ(Alarm(), clock_.Now() + absl::Seconds(3));
  clock_.Advance(absl::Seconds(4));
  state_->OnTime();
  EXPECT_EQ(Next(Role::kConnector), Kind::kDeliverOnThread);
  EXPECT_EQ(state_->status().message(), "no server answered within 3s");

  Make();
  Call();
  Written();
  clock_.Advance(absl::Seconds(4));
  state_->OnTime();
  EXPECT_EQ(Next(Role::kConnector), Kind::kCancel);
  EndCall(absl::CancelledError("by us"));
  // UNAVAILABLE, so it would go on; the time is over.
  EXPECT_EQ(state_->phase(), Phase::kWaiting);
  state_->OnTime();
  EXPECT_EQ(Next(Role::kConnector), Kind::kDeliverOnThread);
  EXPECT_EQ(state_->phase(), Phase::kEnded);
}

TEST_F(ConnectionStateTest, WhichStatusesAreRetried) {
  for (const bool own_token : {true, false}) {
    options_.own_token = own_token;
    for (int code = 1; code <= 16; ++code) {
      Make();
      Call();
      Written();
      const auto status = static_cast<absl::StatusCode>(code);
      EndCall(absl::Status(status, "why"));
      const bool retried = status == absl::StatusCode::kUnavailable ||
                           status == absl::StatusCode::kInternal ||
                           status == absl::StatusCode::kUnknown ||
                           status == absl::StatusCode::kCancelled ||
                           (status == absl::StatusCode::kAborted && own_token);
      EXPECT_EQ(state_->phase(), retried ? Phase::kWaiting : Phase::kEnded)
          << status;
    }
  }
}

TEST_F(ConnectionStateTest, ACallThatEndsOkTooEarlyIsRetried) {
  Make();
  Call();
  Written();
  Say(Welcome());
  EndCall(absl::OkStatus());
  EXPECT_EQ(state_->phase(), Phase::kWaiting);
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].kind, StreamEvent::Kind::kDisconnected);
  EXPECT_EQ(events_[0].status,
            absl::UnavailableError("the server ended the stream early"));
}

TEST_F(ConnectionStateTest, GoesWhereDrainSaysOnlyIfItFollows) {
  for (const bool follows : {true, false}) {
    options_.follows_drain = follows;
    Make();
    Call();
    Written();
    Say(Welcome());
    v1::ProcessResponse drain;
    drain.mutable_drain()->set_server_address("b");
    const std::vector<Kind> told = Say(drain);
    // It half-closes, as there is nothing to wait for.
    ASSERT_EQ(told.size(), 4u);
    EXPECT_EQ(told[1], Kind::kWrite);
    EXPECT_TRUE(output_.write.half_close);
    EXPECT_EQ(told[3], Kind::kEvent);
    EXPECT_EQ(output_.event.kind, StreamEvent::Kind::kDraining);
    Written();
    EndCall(absl::OkStatus());
    EXPECT_EQ(state_->phase(), Phase::kWaiting);
    clock_.Advance(absl::Seconds(10));
    state_->OnTime();
    EXPECT_EQ(Next(Role::kConnector), follows ? Kind::kConnect : Kind::kLocate);
    if (follows) {
      EXPECT_EQ(output_.address, "b");
    } else {
      EXPECT_EQ(output_.failed, std::vector<std::string>{"a"});
    }
  }
}

TEST_F(ConnectionStateTest, AFrameThatIsNoneIsAViolation) {
  Make();
  Call();
  Written();
  state_->OnFrame();
  EXPECT_EQ(Next(Role::kReader), Kind::kParse);
  state_->OnParsed(nullptr, 3);
  EXPECT_EQ(Again(), Kind::kCancel);
  EXPECT_EQ(Again(), Kind::kRead);
  EXPECT_EQ(Again(), Kind::kEvent);
  EXPECT_EQ(output_.event.kind, StreamEvent::Kind::kViolation);
  EXPECT_EQ(output_.event.status,
            absl::InternalError(
                "the server sent a frame that is no ProcessResponse"));
  EXPECT_EQ(Again(), Kind::kNone);
}

TEST_F(ConnectionStateTest, OneThreadDeliversAndOthersDoNot) {
  Make();
  Call();
  Written();
  state_->OnFrame();
  EXPECT_EQ(Next(Role::kReader), Kind::kParse);
  // The read's thread is at it; the next frame's thread leaves it to that one.
  Role other = Role::kReader;
  EXPECT_EQ(state_->NextAction(&other, &output_).kind, Kind::kNone);
  EXPECT_EQ(other, Role::kReader);
}

TEST_F(ConnectionStateTest, WhatCallbacksSendLeavesWithTheFrame) {
  Make();
  Call();
  Written();
  state_->OnFrame();
  EXPECT_EQ(Next(Role::kReader), Kind::kParse);
  const std::string bytes = Welcome().SerializeAsString();
  wire::ResponseFrame frame;
  ASSERT_TRUE(frame.Parse(bytes));
  state_->OnParsed(&frame, bytes.size());
  EXPECT_EQ(Again(), Kind::kEvent);
  EXPECT_EQ(state_->TryAppend("x", {}), 1u);
  EXPECT_FALSE(state_->OnAppended(/*inside=*/true));
  EXPECT_EQ(Again(), Kind::kWrite);
  EXPECT_EQ(Again(), Kind::kRead);
}

TEST_F(ConnectionStateTest, TheCallIsLetGoOfOnceNothingIsInFlight) {
  Make();
  Call();
  state_->OnReadEnded();
  EXPECT_EQ(Next(Role::kReader), Kind::kNone);  // Its first write is.
  state_->OnWritten(false);
  EXPECT_EQ(Next(Role::kWriter), Kind::kRelease);
  EXPECT_EQ(Next(Role::kReader), Kind::kNone);  // Once.
}

TEST_F(ConnectionStateTest, WhyNothingCanBeSent) {
  Make();
  Call();
  Written();
  Say(Welcome());
  EXPECT_TRUE(state_->MaySend(std::string(1 << 16, 'x')));
  const std::string large((1 << 16) + 1, 'x');
  EXPECT_FALSE(state_->MaySend(large));
  EXPECT_EQ(state_->WhyNotSend(large).code(),
            absl::StatusCode::kInvalidArgument);
  state_->Close(/*inside=*/true);
  EXPECT_FALSE(state_->MaySend(""));
  EXPECT_EQ(state_->WhyNotSend("").code(),
            absl::StatusCode::kFailedPrecondition);
  state_->Cancel();
  EXPECT_EQ(state_->WhyNotSend("").code(), absl::StatusCode::kCancelled);
}

v1::ProcessResponse ExpiresIn(v1::ProcessResponse response, int64_t seconds) {
  response.mutable_welcome()->mutable_token_expires_in()->set_seconds(seconds);
  return response;
}

class TokenTest : public ConnectionStateTest {
 protected:
  TokenTest() {
    options_.needs_token = true;
    Make();
  }

  // A token for the next call: the connector asks for one, and gets it.
  void Authorize(const std::string& token) {
    EXPECT_EQ(Next(Role::kConnector), Kind::kFetchToken);
    EXPECT_EQ(state_->phase(), Phase::kAuthorizing);
    EXPECT_EQ(Again(), Kind::kNone);
    state_->OnToken(token);
    EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  }
  // From the beginning to a server that has said when the token expires.
  void Connect(const std::string& token, int64_t expires_in) {
    Authorize(token);
    Call();
    EXPECT_EQ(output_.token, token);
    Written();
    Say(ExpiresIn(Welcome(), expires_in));
  }
  void Wait(absl::Duration time) {
    clock_.Advance(time);
    state_->OnTime();
  }
  std::string Sent() {
    v1::ProcessRequest request;
    EXPECT_TRUE(request.ParseFromString(output_.write.head));
    return request.refresh_token();
  }
};

TEST_F(TokenTest, LocatesAndCallsWithAToken) {
  Authorize("one");
  EXPECT_EQ(Next(Role::kConnector), Kind::kLocate);
  EXPECT_EQ(output_.token, "one");
  EXPECT_EQ(Again(), Kind::kNone);
  state_->OnLocated(std::string("a"));
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  EXPECT_EQ(Next(Role::kConnector), Kind::kConnect);
  EXPECT_EQ(output_.token, "one");
}

TEST_F(TokenTest, EachCallHasAFreshOne) {
  Connect("one", 1000);
  EndCall(absl::UnavailableError("gone"));
  Wait(absl::Seconds(10));
  Authorize("two");
  EXPECT_EQ(Next(Role::kConnector), Kind::kLocate);
  EXPECT_EQ(output_.token, "two");
  // What was fetched for a call that is late might have expired.
  state_->OnLocated(absl::UnavailableError("no server"));
  Wait(absl::Seconds(10));
  Authorize("three");
}

TEST_F(TokenTest, AProviderThatFailsIsAskedAgain) {
  EXPECT_EQ(Next(Role::kConnector), Kind::kFetchToken);
  state_->OnToken(absl::UnavailableError("no issuer"));
  EXPECT_EQ(state_->phase(), Phase::kWaiting);
  Wait(absl::Seconds(10));
  Authorize("one");
}

TEST_F(TokenTest, AProviderThatRefusesEndsTheStream) {
  EXPECT_EQ(Next(Role::kConnector), Kind::kFetchToken);
  state_->OnToken(absl::PermissionDeniedError("not you"));
  ExpectToldEnd(absl::StatusCode::kPermissionDenied);
}

TEST_F(TokenTest, SendsAFreshOneOnTheOpenStream) {
  Connect("one", 1000);
  Wait(absl::Seconds(749));
  EXPECT_NE(Next(Role::kConnector), Kind::kFetchToken);
  Wait(absl::Seconds(1));
  EXPECT_EQ(Next(Role::kConnector), Kind::kFetchToken);
  // It is being fetched: not twice.
  EXPECT_NE(Again(), Kind::kFetchToken);
  state_->OnToken(std::string("two"));
  EXPECT_EQ(Next(Role::kCaller), Kind::kWrite);
  EXPECT_EQ(Sent(), "two");
  Written();
  // Nothing more until the server has said how long it holds.
  Wait(absl::Seconds(10'000));
  EXPECT_NE(Next(Role::kConnector), Kind::kFetchToken);
  v1::ProcessResponse response;
  response.mutable_token_expires_in()->set_seconds(100);
  Say(response);
  EXPECT_EQ(Alarm(), clock_.Now() + absl::Seconds(75));
  Wait(absl::Seconds(75));
  EXPECT_EQ(Next(Role::kConnector), Kind::kFetchToken);
}

TEST_F(TokenTest, TriesAgainBeforeTheOldOneExpires) {
  Connect("one", 1000);
  Wait(absl::Seconds(990));
  EXPECT_EQ(Next(Role::kConnector), Kind::kFetchToken);
  state_->OnToken(absl::UnavailableError("no issuer"));
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  EXPECT_EQ(state_->phase(), Phase::kCalling);
  EXPECT_EQ(Alarm(), clock_.Now() + absl::Seconds(2.5));
  Wait(absl::Seconds(2.5));
  EXPECT_EQ(Next(Role::kConnector), Kind::kFetchToken);
}

TEST_F(TokenTest, OneThatComesAfterItsCallServesTheNext) {
  Connect("one", 1000);
  Wait(absl::Seconds(750));
  EXPECT_EQ(Next(Role::kConnector), Kind::kFetchToken);
  EXPECT_EQ(Again(), Kind::kNone);
  EndCall(absl::UnavailableError("gone"));
  Wait(absl::Seconds(10));
  // It is under way already.
  EXPECT_EQ(Next(Role::kConnector), Kind::kNone);
  EXPECT_EQ(state_->phase(), Phase::kAuthorizing);
  state_->OnToken(std::string("two"));
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  EXPECT_EQ(Next(Role::kConnector), Kind::kConnect);
  EXPECT_EQ(output_.token, "two");
}

TEST_F(TokenTest, ComesBackWhenItsTokenHasExpired) {
  Connect("one", 1000);
  EndCall(absl::UnauthenticatedError("expired"));
  EXPECT_EQ(state_->phase(), Phase::kWaiting);
  Wait(absl::Seconds(10));
  Authorize("two");
}

TEST_F(TokenTest, GivesUpWhereNoTokenIsTaken) {
  Authorize("one");
  Call();
  Written();
  EndCall(absl::UnauthenticatedError("signed by nobody we know"));
  EXPECT_EQ(state_->phase(), Phase::kEnded);
  EXPECT_EQ(state_->status().code(), absl::StatusCode::kUnauthenticated);
}

TEST_F(TokenTest, MayBeCancelledWhileItWaitsForOne) {
  EXPECT_EQ(Next(Role::kConnector), Kind::kFetchToken);
  state_->Cancel();
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  ExpectToldEnd(absl::StatusCode::kCancelled);
  state_->OnToken(std::string("late"));
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  EXPECT_EQ(Next(Role::kConnector), Kind::kNone);
}

}  // namespace
}  // namespace msgproc::client
