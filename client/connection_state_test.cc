// Every edge of ConnectionState's drawing, one at a time. What happens when
// many things do at once is connection_model_test's.
#include "client/connection_state.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/fake_clock.h"
#include "gtest/gtest.h"
#include "msgproc/v1/processor.pb.h"
#include "wire/gather_policy.h"

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
  // Connected, with its first write done.
  void Connect() { Connect(Welcome()); }
  void Connect(const v1::ProcessResponse& welcome) {
    Make();
    Call();
    Written();
    Say(welcome);
  }
  // What the read that is at it has brought.
  void Parse(const v1::ProcessResponse& response) {
    bytes_ = response.SerializeAsString();
    ASSERT_TRUE(frame_.Parse(bytes_));
    state_->OnParsed(&frame_, bytes_.size());
  }
  // The server says something, and the thread that reads it does all it is
  // told. Callbacks with results send `replies` messages each.
  std::vector<Kind> Say(const v1::ProcessResponse& response, int replies = 0) {
    state_->OnFrame();
    std::vector<Kind> told;
    Kind kind = Next(Role::kReader);
    for (; kind != Kind::kNone; kind = Again()) {
      told.push_back(kind);
      if (kind == Kind::kParse) Parse(response);
      if (kind == Kind::kResults) {
        for (int i = 0; i < replies; ++i) {
          EXPECT_NE(state_->TryAppend("x", {}), 0U);
          EXPECT_FALSE(state_->OnAppended(/*inside=*/true));
        }
        state_->OnDelivered();
      }
    }
    return told;
  }
  static v1::ProcessResponse Results(uint64_t first, uint64_t last,
                                     size_t bytes = 0) {
    v1::ProcessResponse response;
    for (uint64_t i = first; i <= last; ++i) {
      v1::Result* result = response.add_results();
      result->set_sequence(i);
      result->set_payload(std::string(bytes, 'r'));
    }
    return response;
  }
  // A caller sends, and it is written at once.
  void Send(int messages) {
    for (int i = 0; i < messages; ++i) {
      EXPECT_NE(state_->TryAppend("x", {}), 0U);
    }
    EXPECT_TRUE(state_->OnAppended(/*inside=*/false));
    EXPECT_EQ(Next(Role::kCaller), Kind::kWrite);
    EXPECT_EQ(Again(), Kind::kNone);
    Written();
  }
  // How many messages the last write has.
  int MessagesWritten() const {
    std::string bytes = output_.write.head;
    for (const wire::Piece& piece : output_.write.messages) {
      bytes.append(piece.data, piece.size);
    }
    v1::ProcessRequest request;
    EXPECT_TRUE(request.ParseFromString(bytes));
    return request.messages_size();
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
  // OnTime, and whoever has called it asks what to do.
  Kind Wait(absl::Duration time) {
    clock_.Advance(time);
    state_->OnTime();
    return Next(Role::kConnector);
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
  // What was parsed last; a view of the bytes.
  std::string bytes_;
  wire::ResponseFrame frame_;
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
  EXPECT_EQ(output_.event.server_id, "s");
  EXPECT_EQ(role_, Role::kReader) << "it delivers no more";
  EXPECT_EQ(state_->delivered(), 0U);
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
    if (!own_token) options_.own_token = false;
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
      // It was not connected, and so is not disconnected.
      EXPECT_EQ(events_.empty(), retried);
      events_.clear();
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
  EXPECT_EQ(Wait(absl::Seconds(10)), Kind::kLocate);
  EXPECT_EQ(Again(), Kind::kNone);
  state_->OnLocated(std::string("b"));
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  state_->OnTime();
  EXPECT_EQ(Next(Role::kConnector), Kind::kConnect);
  EXPECT_FALSE(state_->OnCallMade(&output_.write));
  // Also before anybody asks what is next.
  EXPECT_EQ(Alarm(), clock_.Now() + absl::Seconds(10));
}

TEST_F(ConnectionStateTest, ACallThatWasOfUseIsFollowedByOneToTheSameAddress) {
  options_.random = [] { return UINT64_MAX; };
  Connect();
  Send(1);
  Say(Results(1, 1));
  EndCall(absl::UnavailableError("gone"));
  EXPECT_EQ(Wait(absl::ZeroDuration()), Kind::kConnect);
  EXPECT_EQ(output_.address, "a");
}

TEST_F(ConnectionStateTest, ARefusalForGoodIsNoDisconnection) {
  Connect();
  EndCall(absl::PermissionDeniedError("not you"));
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].kind, StreamEvent::Kind::kClosed);
}

TEST_F(ConnectionStateTest, AnEventIsOneThreadsUntilItWasDelivered) {
  Connect();
  state_->Cancel();
  EXPECT_EQ(Next(Role::kCaller), Kind::kCancel);
  EXPECT_EQ(Again(), Kind::kNone);
  state_->OnReadEnded();
  EXPECT_EQ(Next(Role::kReader), Kind::kRelease);
  state_->OnCallEnded(absl::CancelledError("by us"));
  EXPECT_EQ(Next(Role::kReader), Kind::kEvent);
  EXPECT_FALSE(state_->Finished());
  EXPECT_EQ(Again(), Kind::kNone);
  EXPECT_TRUE(state_->Finished());
}

TEST_F(ConnectionStateTest, GoesWhereDrainSaysOnlyIfItFollows) {
  for (const bool follows : {false, true}) {
    if (follows) options_.follows_drain = true;
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

TEST_F(ConnectionStateTest, AFrameThatIsNoneSaysNothingOfTheLast) {
  Connect();
  Send(1);
  v1::ProcessResponse drain;
  drain.mutable_drain();
  Say(drain);
  state_->OnFrame();
  EXPECT_EQ(Next(Role::kReader), Kind::kParse);
  state_->OnParsed(nullptr, 3);
  std::vector<StreamEvent::Kind> events;
  for (Kind kind = Again(); kind != Kind::kNone; kind = Again()) {
    if (kind == Kind::kEvent) events.push_back(output_.event.kind);
  }
  EXPECT_EQ(events, std::vector{StreamEvent::Kind::kViolation});
}

TEST_F(ConnectionStateTest, TheCallIsKeptWhileAFrameOfItIsDelivered) {
  Make();
  Call();
  Written();
  state_->OnFrame();
  ASSERT_EQ(Next(Role::kReader), Kind::kParse);
  Parse(Welcome());
  ASSERT_EQ(Again(), Kind::kEvent);
  ASSERT_EQ(Again(), Kind::kRead);
  state_->OnReadEnded();
  Role other = Role::kReader;
  EXPECT_EQ(state_->NextAction(&other, &output_).kind, Kind::kNone);
  EXPECT_EQ(Again(), Kind::kRelease);
}

TEST_F(ConnectionStateTest, WhatACallbackSendsFirstWaitsForThatCallback) {
  Make();
  Call();
  state_->OnFrame();
  ASSERT_EQ(Next(Role::kReader), Kind::kParse);
  Parse(Welcome());
  ASSERT_EQ(Again(), Kind::kEvent);
  EXPECT_NE(state_->TryAppend("x", {}), 0U);
  EXPECT_FALSE(state_->OnAppended(/*inside=*/true));
  state_->OnWritten(true);
  Role writer = Role::kWriter;
  EXPECT_EQ(state_->NextAction(&writer, &output_).kind, Kind::kNone);
  EXPECT_EQ(Again(), Kind::kWrite);
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
  Parse(Welcome());
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

TEST_F(ConnectionStateTest, AnEndedStreamSaysWhyNothingCanBeSent) {
  Make();
  Locate();
  state_->OnLocated(absl::PermissionDeniedError("not you"));
  EXPECT_EQ(state_->WhyNotSend(""), absl::PermissionDeniedError("not you"));
  Make();
  state_->Close(/*inside=*/false);
  ASSERT_EQ(state_->phase(), Phase::kEnded);
  EXPECT_EQ(state_->WhyNotSend("").code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(ConnectionStateTest, AnEndIsTheOnlyOne) {
  Make();
  state_->Close(/*inside=*/false);
  state_->Close(/*inside=*/false);
  state_->Cancel();
  state_->OnTime();
  EXPECT_EQ(state_->status(), absl::OkStatus());
  ExpectToldEnd(absl::StatusCode::kOk);
}

TEST_F(ConnectionStateTest, ResultsAreDeliveredBeforeTheNextRead) {
  Connect();
  Send(3);
  EXPECT_EQ(Say(Results(1, 2)),
            (std::vector<Kind>{Kind::kParse, Kind::kResults, Kind::kRead}));
  EXPECT_EQ(state_->delivered(), 2U);
  state_->OnFrame();
  EXPECT_EQ(Next(Role::kReader), Kind::kParse);
  Parse(Results(3, 3));
  const ConnectionState::Action action = state_->NextAction(&role_, &output_);
  EXPECT_EQ(action.kind, Kind::kResults);
  EXPECT_EQ(action.first, 0U);
  EXPECT_EQ(action.count, 1U);
  EXPECT_FALSE(state_->Finished());
  state_->OnDelivered();
  EXPECT_EQ(state_->delivered(), 3U);
}

TEST_F(ConnectionStateTest, AFrameOfACallThatWasGivenUpIsNotDelivered) {
  Connect();
  Send(1);
  state_->OnFrame();
  EXPECT_EQ(Next(Role::kReader), Kind::kParse);
  state_->Cancel();
  Parse(Results(1, 1));
  EXPECT_EQ(Again(), Kind::kCancel);
  EXPECT_EQ(Again(), Kind::kRead);
  EXPECT_EQ(Again(), Kind::kNone);
  EXPECT_EQ(state_->delivered(), 0U);
}

TEST_F(ConnectionStateTest, ASecondResultIsAViolationThatIsCalledSo) {
  Connect();
  Send(2);
  Say(Results(1, 1));
  EXPECT_EQ(Say(Results(1, 1)),
            (std::vector<Kind>{Kind::kParse, Kind::kRead, Kind::kCancel,
                               Kind::kEvent}));
  EXPECT_EQ(output_.event.kind, StreamEvent::Kind::kViolation);
  EXPECT_TRUE(output_.event.duplicate);
}

TEST_F(ConnectionStateTest, WhoeverWaitsIsToldThatThereIsNews) {
  Make();
  EXPECT_FALSE(state_->TakeNews());
  Call();
  Written();
  EXPECT_FALSE(state_->TakeNews());
  state_->OnFrame();
  EXPECT_EQ(Next(Role::kReader), Kind::kParse);
  Parse(Welcome());
  EXPECT_TRUE(state_->TakeNews()) << "what may be sent is known";
  EXPECT_FALSE(state_->TakeNews());
  while (Again() != Kind::kNone) {
  }
  EXPECT_TRUE(state_->TakeNews()) << "nobody delivers any more";
  Send(1);
  state_->TakeNews();
  state_->OnFrame();
  EXPECT_EQ(Next(Role::kReader), Kind::kParse);
  Parse(Results(1, 1));
  EXPECT_EQ(Again(), Kind::kResults);
  EXPECT_FALSE(state_->TakeNews());
  state_->OnDelivered();
  EXPECT_TRUE(state_->TakeNews()) << "there is room for another";
  while (Again() != Kind::kNone) {
  }
  state_->TakeNews();
  state_->Close(/*inside=*/false);
  EXPECT_TRUE(state_->TakeNews());
  state_->Cancel();
  EXPECT_TRUE(state_->TakeNews());
  Make();
  Locate();
  state_->OnLocated(absl::PermissionDeniedError("not you"));
  EXPECT_TRUE(state_->TakeNews()) << "it ended";
}

TEST_F(ConnectionStateTest, ACallerWritesWhileOthersDeliver) {
  Connect();
  state_->OnFrame();
  ASSERT_EQ(Next(Role::kReader), Kind::kParse);
  Role caller = Role::kCaller;
  EXPECT_EQ(state_->NextAction(&caller, &output_).kind, Kind::kNone);
  EXPECT_NE(state_->TryAppend("x", {}), 0U);
  // From a callback: it leaves with what else that sends.
  EXPECT_FALSE(state_->OnAppended(/*inside=*/true));
  EXPECT_EQ(state_->NextAction(&caller, &output_).kind, Kind::kNone);
  EXPECT_TRUE(state_->OnAppended(/*inside=*/false));
  EXPECT_EQ(state_->NextAction(&caller, &output_).kind, Kind::kWrite);
  EXPECT_EQ(MessagesWritten(), 1);
  // What is appended while that is in flight waits for it.
  EXPECT_NE(state_->TryAppend("x", {}), 0U);
  EXPECT_FALSE(state_->OnAppended(/*inside=*/false));
  EXPECT_EQ(state_->NextAction(&caller, &output_).kind, Kind::kNone);
  state_->OnWritten(true);
  Role writer = Role::kWriter;
  EXPECT_EQ(state_->NextAction(&writer, &output_).kind, Kind::kWrite);
  EXPECT_EQ(MessagesWritten(), 1);
  // The caller's was written: what callbacks send now waits for them.
  state_->OnWritten(true);
  EXPECT_NE(state_->TryAppend("x", {}), 0U);
  EXPECT_FALSE(state_->OnAppended(/*inside=*/true));
  EXPECT_EQ(state_->NextAction(&writer, &output_).kind, Kind::kNone);
}

TEST_F(ConnectionStateTest, WhatACallersWriteHadNoRoomForFollowsAtOnce) {
  Connect();  // Ten messages a frame.
  state_->OnFrame();
  ASSERT_EQ(Next(Role::kReader), Kind::kParse);
  for (int i = 0; i < 11; ++i) EXPECT_NE(state_->TryAppend("x", {}), 0U);
  EXPECT_TRUE(state_->OnAppended(/*inside=*/false));
  Role caller = Role::kCaller;
  EXPECT_EQ(state_->NextAction(&caller, &output_).kind, Kind::kWrite);
  EXPECT_EQ(MessagesWritten(), 10);
  state_->OnWritten(true);
  Role writer = Role::kWriter;
  EXPECT_EQ(state_->NextAction(&writer, &output_).kind, Kind::kWrite);
  EXPECT_EQ(MessagesWritten(), 1);
}

TEST_F(ConnectionStateTest, AFullFrameIsWrittenByWhoeverIsThere) {
  Connect();  // Ten messages a frame.
  state_->OnFrame();
  ASSERT_EQ(Next(Role::kReader), Kind::kParse);
  for (int i = 0; i < 9; ++i) {
    EXPECT_NE(state_->TryAppend("x", {}), 0U);
    EXPECT_FALSE(state_->OnAppended(/*inside=*/true));
  }
  EXPECT_NE(state_->TryAppend("x", {}), 0U);
  EXPECT_TRUE(state_->OnAppended(/*inside=*/true));
  Role caller = Role::kCaller;
  EXPECT_EQ(state_->NextAction(&caller, &output_).kind, Kind::kWrite);
}

TEST_F(ConnectionStateTest, CloseIsWrittenByItsCallerUnlessACallbackCloses) {
  for (const bool inside : {false, true}) {
    Connect();
    state_->OnFrame();
    ASSERT_EQ(Next(Role::kReader), Kind::kParse);
    state_->Close(inside);
    Role caller = Role::kCaller;
    EXPECT_EQ(state_->NextAction(&caller, &output_).kind,
              inside ? Kind::kNone : Kind::kWrite);
  }
}

v1::ProcessResponse WithHeartbeat(v1::ProcessResponse response,
                                  int64_t seconds) {
  response.mutable_welcome()->mutable_heartbeat_interval()->set_seconds(
      seconds);
  return response;
}

TEST_F(ConnectionStateTest, TheAlarmIsForWhatIsDueNext) {
  Make();
  absl::Time when;
  EXPECT_FALSE(state_->TakeAlarm(&when));
  Call();
  EXPECT_EQ(Wait(absl::ZeroDuration()), Kind::kNone);
  EXPECT_TRUE(state_->TakeAlarm(&when));
  EXPECT_EQ(when, clock_.Now() + absl::Seconds(10)) << "connect_timeout";
  EXPECT_FALSE(state_->TakeAlarm(&when)) << "it was taken";
  // Its first write is still in flight: nothing else could be written.
  Say(WithHeartbeat(Welcome(), 4));
  EXPECT_FALSE(state_->TakeAlarm(&when)) << "nothing is due sooner";
  EXPECT_EQ(Wait(absl::ZeroDuration()), Kind::kNone);
  EXPECT_EQ(Alarm(), clock_.Now() + absl::Seconds(12)) << "silence";
  Written();
  EXPECT_TRUE(state_->TakeAlarm(&when));
  EXPECT_EQ(when, clock_.Now() + absl::Seconds(4)) << "a heartbeat";
  // A caller's write puts the heartbeat off, which the alarm finds out.
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  EXPECT_FALSE(state_->TakeAlarm(&when));
  EXPECT_EQ(Wait(absl::Seconds(4)), Kind::kWrite);
}

TEST_F(ConnectionStateTest, AHeartbeatIsWrittenThoughSomebodyDelivers) {
  Connect(WithHeartbeat(Welcome(), 4));
  state_->OnFrame();
  ASSERT_EQ(Next(Role::kReader), Kind::kParse);
  clock_.Advance(absl::Seconds(4));
  state_->OnTime();
  Role connector = Role::kConnector;
  EXPECT_EQ(state_->NextAction(&connector, &output_).kind, Kind::kWrite);
  EXPECT_EQ(MessagesWritten(), 0);
}

TEST_F(ConnectionStateTest, ASilentServerIsGivenUp) {
  Connect(WithHeartbeat(Welcome(), 4));
  EXPECT_EQ(Wait(absl::Seconds(12)), Kind::kCancel);
  EndCall(absl::CancelledError("by us"));
  ASSERT_EQ(events_.size(), 1U);
  EXPECT_EQ(events_[0].kind, StreamEvent::Kind::kDisconnected);
  EXPECT_EQ(events_[0].status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(ConnectionStateTest, SilenceWhileCallbacksTakeTheirTimeIsOurOwn) {
  Connect(WithHeartbeat(Welcome(), 4));
  state_->OnFrame();
  ASSERT_EQ(Next(Role::kReader), Kind::kParse);
  clock_.Advance(absl::Seconds(12));
  state_->OnTime();
  Role connector = Role::kConnector;
  EXPECT_EQ(state_->NextAction(&connector, &output_).kind, Kind::kWrite);
  EXPECT_TRUE(state_->NextAction(&connector, &output_).kind == Kind::kNone);
}

TEST_F(ConnectionStateTest, TimesAreExact) {
  options_.reconnect.give_up_after = absl::Seconds(3);
  Make();
  Locate();
  EXPECT_EQ(Wait(absl::Seconds(3) - absl::Nanoseconds(1)), Kind::kNone);
  EXPECT_EQ(Wait(absl::Nanoseconds(1)), Kind::kDeliverOnThread);

  options_.reconnect.give_up_after = absl::Seconds(60);
  options_.random = [] { return UINT64_MAX; };
  Make();
  Locate();
  state_->OnLocated(absl::UnavailableError("no server"));
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  const absl::Duration pause = state_->destination().when() - clock_.Now();
  ASSERT_GT(pause, absl::Nanoseconds(1));
  EXPECT_EQ(Alarm(), state_->destination().when());
  EXPECT_EQ(Wait(pause - absl::Nanoseconds(1)), Kind::kNone);
  EXPECT_EQ(Alarm(), state_->destination().when());
  EXPECT_EQ(Wait(absl::Nanoseconds(1)), Kind::kLocate);
}

TEST_F(ConnectionStateTest, GivesUpAlsoAfterACallThatItHadGivenUp) {
  options_.reconnect.give_up_after = absl::Seconds(60);
  Make();
  Call();
  Written();
  EXPECT_EQ(Wait(absl::Seconds(10)), Kind::kCancel);
  EndCall(absl::CancelledError("by us"));
  Kind kind = Wait(absl::Seconds(10));
  if (kind == Kind::kConnect) GTEST_SKIP() << "the same address again";
  ASSERT_EQ(kind, Kind::kLocate);
  EXPECT_EQ(Again(), Kind::kNone);
  EXPECT_EQ(Alarm(), clock_.Now() + absl::Seconds(40));
}

TEST_F(ConnectionStateTest, AnEndThatNobodyTellsYetIsTheTimersAtOnce) {
  Make();
  Locate();
  state_->Cancel();
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  EXPECT_EQ(Alarm(), absl::InfinitePast());
  ExpectToldEnd(absl::StatusCode::kCancelled);
  EXPECT_EQ(Alarm(), absl::InfiniteFuture());
  state_->OnTime();
  EXPECT_EQ(Next(Role::kConnector), Kind::kNone);
  EXPECT_EQ(Alarm(), absl::InfiniteFuture());
}

TEST_F(ConnectionStateTest, WithoutTokensNoneIsFetched) {
  v1::ProcessResponse welcome = Welcome();
  welcome.mutable_welcome()->mutable_token_expires_in()->set_seconds(40);
  Connect(welcome);
  EXPECT_EQ(Wait(absl::Seconds(39)), Kind::kNone);
}

TEST_F(ConnectionStateTest, AWelcomeThatWasNotReadIsForgottenWithItsCall) {
  Make();
  Call();
  Written();
  // The frame has come, and nobody has taken it up when the call ends.
  state_->OnFrame();
  state_->Cancel();
  EXPECT_EQ(Next(Role::kCaller), Kind::kCancel);
  EXPECT_EQ(Again(), Kind::kNone);
}

// Frames of one result each, whose callbacks send one message each.
class GatheringTest : public ConnectionStateTest {
 protected:
  static constexpr int kProbe = wire::GatherPolicy::kProbeFrames;
  const std::vector<Kind> whole_answer_ = {Kind::kParse, Kind::kResults,
                                           Kind::kWrite, Kind::kRead};
  const std::vector<Kind> gathers_ = {Kind::kParse, Kind::kResults,
                                      Kind::kRead};
  const std::vector<Kind> marks_ = {Kind::kParse, Kind::kResults, Kind::kRead,
                                    Kind::kMark};

  std::vector<Kind> Answer(size_t bytes = 0) {
    ++answered_;
    return Say(Results(answered_, answered_, bytes), /*replies=*/1);
  }
  // Until a frame is followed by a look for another.
  void Probe(int in_flight) {
    Connect();
    Send(in_flight);
    for (int i = 1; i < kProbe; ++i) {
      ASSERT_EQ(Answer(), whole_answer_) << i;
      EXPECT_EQ(MessagesWritten(), 1);
      Written();
    }
    ASSERT_EQ(Answer(), marks_);
  }
  // To where every frame is followed by a look: one was worth it.
  void Gather(int in_flight) {
    Probe(in_flight);
    ASSERT_EQ(Answer(), whole_answer_);
    Written();
    Reach(Kind::kNone);
    ASSERT_EQ(Answer(), marks_);
  }
  // The marker's thread: what it is told first.
  void Reach(Kind first) {
    state_->OnMarkerReached();
    EXPECT_EQ(Next(Role::kMarker), first);
    if (first == Kind::kWrite || first == Kind::kMark) {
      EXPECT_EQ(Again(), Kind::kNone);
    }
  }

  uint64_t answered_ = 0;
};

TEST_F(GatheringTest, WritesWhereALookFindsNothing) {
  Probe(1);
  Reach(Kind::kWrite);
  EXPECT_EQ(MessagesWritten(), 1);
  Written();
  EXPECT_EQ(Answer(), whole_answer_);
}

TEST_F(GatheringTest, OthersDoNotWriteWhatIsGathered) {
  Probe(1);
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  EXPECT_EQ(Next(Role::kReader), Kind::kNone);
  // A caller's own message does not wait.
  EXPECT_NE(state_->TryAppend("x", {}), 0U);
  EXPECT_TRUE(state_->OnAppended(/*inside=*/false));
  EXPECT_EQ(Next(Role::kCaller), Kind::kWrite);
  EXPECT_EQ(MessagesWritten(), 2);
  Written();
  Reach(Kind::kNone);
}

TEST_F(GatheringTest, LooksAgainWhereALookHasFoundAFrame) {
  Gather(4);
  ASSERT_EQ(Answer(), gathers_) << "the marker is still on its way";
  Reach(Kind::kMark);
  Reach(Kind::kWrite);
  EXPECT_EQ(MessagesWritten(), 2);
}

TEST_F(GatheringTest, AMarkerLeavesTheNextLookToWhoDelivers) {
  Gather(4);
  ASSERT_EQ(Answer(), gathers_);
  state_->OnFrame();
  ASSERT_EQ(Next(Role::kReader), Kind::kParse);
  Reach(Kind::kNone);
}

TEST_F(GatheringTest, MuchIsWrittenAtOnce) {
  Gather(6);
  Reach(Kind::kWrite);
  Written();
  const size_t enough = wire::GatherPolicy::kEnoughBytes;
  ASSERT_EQ(Answer(enough / 2), marks_);
  // It counts with what was gathered before.
  ASSERT_EQ(Answer(enough / 2), whole_answer_);
  EXPECT_EQ(MessagesWritten(), 2);
  Written();
  Reach(Kind::kNone);
  // And no more once that was written.
  EXPECT_EQ(Answer(enough / 2), marks_);
}

TEST_F(GatheringTest, WithoutAReplyThereIsNothingToGather) {
  Gather(4);
  Reach(Kind::kWrite);
  Written();
  ++answered_;
  EXPECT_EQ(Say(Results(answered_, answered_)), gathers_);
}

TEST_F(GatheringTest, TheCallIsLetGoOfBehindItsMarker) {
  Probe(1);
  state_->OnReadEnded();
  EXPECT_EQ(Next(Role::kReader), Kind::kNone) << "the marker is on its way";
  Reach(Kind::kRelease);
}

TEST_F(GatheringTest, NothingIsGatheredOnACallThatIsOver) {
  Gather(4);
  ASSERT_EQ(Answer(), gathers_);
  state_->OnReadEnded();
  EXPECT_EQ(Next(Role::kReader), Kind::kNone);
  Reach(Kind::kRelease);
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
  // OnTime; what to do is not asked yet.
  void PassTime(absl::Duration time) {
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
  PassTime(absl::Seconds(10));
  Authorize("two");
  EXPECT_EQ(Next(Role::kConnector), Kind::kLocate);
  EXPECT_EQ(output_.token, "two");
  // What was fetched for a call that is late might have expired.
  state_->OnLocated(absl::UnavailableError("no server"));
  PassTime(absl::Seconds(10));
  Authorize("three");
}

TEST_F(TokenTest, AProviderThatFailsIsAskedAgain) {
  EXPECT_EQ(Next(Role::kConnector), Kind::kFetchToken);
  state_->OnToken(absl::UnavailableError("no issuer"));
  EXPECT_EQ(state_->phase(), Phase::kWaiting);
  PassTime(absl::Seconds(10));
  Authorize("one");
}

TEST_F(TokenTest, AProviderThatRefusesEndsTheStream) {
  EXPECT_EQ(Next(Role::kConnector), Kind::kFetchToken);
  state_->OnToken(absl::PermissionDeniedError("not you"));
  ExpectToldEnd(absl::StatusCode::kPermissionDenied);
}

TEST_F(TokenTest, SendsAFreshOneOnTheOpenStream) {
  Connect("one", 1000);
  PassTime(absl::Seconds(749));
  EXPECT_NE(Next(Role::kConnector), Kind::kFetchToken);
  PassTime(absl::Seconds(1));
  EXPECT_EQ(Next(Role::kConnector), Kind::kFetchToken);
  // It is being fetched: not twice.
  EXPECT_NE(Again(), Kind::kFetchToken);
  state_->OnToken(std::string("two"));
  EXPECT_EQ(Next(Role::kCaller), Kind::kWrite);
  EXPECT_EQ(Sent(), "two");
  Written();
  // Nothing more until the server has said how long it holds.
  PassTime(absl::Seconds(10'000));
  EXPECT_NE(Next(Role::kConnector), Kind::kFetchToken);
  v1::ProcessResponse response;
  response.mutable_token_expires_in()->set_seconds(100);
  Say(response);
  EXPECT_EQ(Alarm(), clock_.Now() + absl::Seconds(75));
  PassTime(absl::Seconds(75));
  EXPECT_EQ(Next(Role::kConnector), Kind::kFetchToken);
}

TEST_F(TokenTest, AFreshOneIsWrittenThoughSomebodyDelivers) {
  Connect("one", 1000);
  PassTime(absl::Seconds(750));
  EXPECT_EQ(Next(Role::kConnector), Kind::kFetchToken);
  EXPECT_EQ(Again(), Kind::kNone);
  state_->OnFrame();
  ASSERT_EQ(Next(Role::kReader), Kind::kParse);
  state_->OnToken(std::string("two"));
  Role caller = Role::kCaller;
  EXPECT_EQ(state_->NextAction(&caller, &output_).kind, Kind::kWrite);
  EXPECT_EQ(Sent(), "two");
}

TEST_F(TokenTest, TriesAgainBeforeTheOldOneExpires) {
  Connect("one", 1000);
  PassTime(absl::Seconds(990));
  EXPECT_EQ(Next(Role::kConnector), Kind::kFetchToken);
  state_->OnToken(absl::UnavailableError("no issuer"));
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  EXPECT_EQ(state_->phase(), Phase::kCalling);
  EXPECT_EQ(Alarm(), clock_.Now() + absl::Seconds(2.5));
  PassTime(absl::Seconds(2.5));
  EXPECT_EQ(Next(Role::kConnector), Kind::kFetchToken);
}

TEST_F(TokenTest, OneThatComesAfterItsCallServesTheNext) {
  Connect("one", 1000);
  PassTime(absl::Seconds(750));
  EXPECT_EQ(Next(Role::kConnector), Kind::kFetchToken);
  EXPECT_EQ(Again(), Kind::kNone);
  EndCall(absl::UnavailableError("gone"));
  PassTime(absl::Seconds(10));
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
  PassTime(absl::Seconds(10));
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

class KeptStateTest : public ConnectionStateTest {
 protected:
  KeptStateTest() { options_.session.kept = &kept_; }

  void Keep(uint64_t messages, uint64_t results = 0, bool ended = false) {
    state_->OnKept({.messages = messages, .results = results, .ended = ended});
  }
  // One message is on its way.
  void ConnectAndSend() {
    Connect();
    EXPECT_NE(state_->TryAppend("x", {}), 0U);
    EXPECT_TRUE(state_->OnAppended(/*inside=*/false));
    EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
    Keep(1);
    EXPECT_EQ(Next(Role::kCaller), Kind::kWrite);
    EXPECT_EQ(Again(), Kind::kNone);
    Written();
  }

  KeptSession kept_;
};

TEST_F(KeptStateTest, WhatIsKeptIsWrittenAtOnce) {
  Connect();
  EXPECT_NE(state_->TryAppend("x", {}), 0U);
  Keep(1);
  EXPECT_EQ(Next(Role::kCaller), Kind::kWrite);
  EXPECT_EQ(MessagesWritten(), 1);
}

TEST_F(KeptStateTest, WhatIsKeptWhileACallbackRunsIsWrittenAtOnceToo) {
  ConnectAndSend();
  state_->OnFrame();
  EXPECT_EQ(Next(Role::kReader), Kind::kParse);
  Parse(Results(1, 1));
  EXPECT_EQ(Again(), Kind::kResults);
  EXPECT_NE(state_->TryAppend("y", {}), 0U);
  Keep(2);
  EXPECT_EQ(Next(Role::kCaller), Kind::kWrite);
  EXPECT_EQ(MessagesWritten(), 1);
}

TEST_F(KeptStateTest, WhoWaitsForRoomHearsOfWhatIsGone) {
  ConnectAndSend();
  Say(Results(1, 1));
  state_->TakeNews();
  EXPECT_FALSE(state_->TakeNews());
  Keep(1, 1);
  EXPECT_TRUE(state_->TakeNews());
}

TEST_F(KeptStateTest, AnEarlierProgramsResultsCountAsDelivered) {
  kept_.welcomed = true;
  kept_.received_through = 7;
  Make();
  EXPECT_EQ(state_->delivered(), 7U);
}

TEST_F(KeptStateTest, ConnectsAgainOnceItIsKeptWhatWasReceived) {
  ConnectAndSend();
  Say(Results(1, 1));
  EndCall(absl::UnavailableError("gone"));
  Alarm();
  // Nothing is due, and whoever asks in vain is not called again and again.
  EXPECT_EQ(Wait(absl::Seconds(10)), Kind::kNone);
  EXPECT_EQ(Alarm(), absl::InfiniteFuture());
  Keep(1, 1);
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  EXPECT_LE(Alarm(), clock_.Now());
  EXPECT_EQ(Wait(absl::ZeroDuration()), Kind::kConnect);
}

TEST_F(KeptStateTest, GivesUpWhileItWaitsForTheDisk) {
  options_.reconnect.give_up_after = absl::Seconds(5);
  ConnectAndSend();
  Say(Results(1, 1));
  EndCall(absl::UnavailableError("gone"));
  EXPECT_EQ(Wait(absl::Seconds(1)), Kind::kNone);
  EXPECT_EQ(Alarm(), clock_.Now() + absl::Seconds(4));
}

TEST_F(KeptStateTest, ClosesOnceTheOutboxHasEnded) {
  ConnectAndSend();
  Say(Results(1, 1));
  state_->Close(/*inside=*/false);
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  Keep(1, 1, /*ended=*/true);
  EXPECT_TRUE(state_->TakeNews());
  EXPECT_EQ(Next(Role::kCaller), Kind::kWrite);
  EXPECT_TRUE(output_.write.half_close);
}

TEST_F(KeptStateTest, ClosesWithoutACallOnceTheOutboxHasEnded) {
  Make();
  state_->Close(/*inside=*/false);
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  EXPECT_EQ(state_->phase(), Phase::kWaiting);
  Keep(0, 0, /*ended=*/true);
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  ExpectToldEnd(absl::StatusCode::kOk);
}

TEST_F(KeptStateTest, AnOutboxThatHasEndedDoesNotCloseWhatIsOpen) {
  Make();
  Keep(0, 0, /*ended=*/true);
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  EXPECT_EQ(state_->phase(), Phase::kWaiting);
}

TEST_F(ConnectionStateTest, EndsWithTheReasonThatItIsGiven) {
  const absl::Status why = absl::UnknownError("the disk");
  Make();
  state_->Cancel(why);
  // The first one stays.
  state_->Cancel();
  EXPECT_EQ(state_->WhyNotSend("x"), why);
  EXPECT_EQ(Next(Role::kCaller), Kind::kNone);
  ExpectToldEnd(absl::StatusCode::kUnknown);

  Connect();
  state_->Cancel(why);
  EXPECT_FALSE(state_->MaySend("x"));
  EXPECT_EQ(state_->WhyNotSend("x"), why);
  EXPECT_EQ(Next(Role::kCaller), Kind::kCancel);
  EXPECT_EQ(Again(), Kind::kNone);
  EndCall(absl::CancelledError("by us"));
  EXPECT_EQ(state_->status(), why);
}

TEST_F(ConnectionStateTest, SaysWhichStoreASessionIsIn) {
  v1::ProcessResponse welcome = Welcome();
  welcome.mutable_welcome()->set_durability(v1::Welcome::DURABILITY_STORE);
  welcome.mutable_welcome()->set_store_generation("gen");
  Make();
  Call();
  Written();
  state_->OnFrame();
  EXPECT_EQ(Next(Role::kReader), Kind::kParse);
  Parse(welcome);
  EXPECT_EQ(Again(), Kind::kEvent);
  EXPECT_EQ(output_.event.store_generation, "gen");
}

}  // namespace
}  // namespace msgproc::client
