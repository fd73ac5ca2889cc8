// What a MessageStream makes of broken connections and of servers that do not
// keep the rules.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/reconnecting_stream.h"
#include "client/testing/message_stream_fixture.h"
#include "gtest/gtest.h"

namespace msgproc::client {
namespace {

const absl::Status kCut = absl::UnavailableError("cut");

class MessageStreamReconnectTest : public MessageStreamFixture {};

TEST_F(MessageStreamReconnectTest, ALostWelcomeCostsNothing) {
  Open(Options());
  call_ = server_.Accept();
  ASSERT_TRUE(call_->Read(&request_));
  v1::ProcessRequest first = request_;
  Send(3);
  call_->Finish(kCut);
  Reconnect();
  first.mutable_open()->set_attempt(2);
  EXPECT_EQ(request_.SerializeAsString(), first.SerializeAsString());
  call_->Write(Welcome(v1::Welcome::STATE_RESUMED, first.messages_size()));
  if (first.messages_size() < 3) {
    call_->ReadMessages(3 - first.messages_size());
  }
  call_->Write(Results(1, 3));
  EXPECT_TRUE(ReceivedThrough(3));
  CloseWell();
}

TEST_F(MessageStreamReconnectTest, ResumesWhereTheServerStands) {
  Connect();
  v1::ProcessRequest first = request_;
  Send(5);
  call_->ReadMessages(5);
  call_->Write(Results(1, 2));
  ASSERT_TRUE(ReceivedThrough(2));
  call_->Finish(kCut);
  Reconnect();
  first.mutable_open()->set_attempt(2);
  first.mutable_open()->set_resumes(true);
  EXPECT_EQ(request_.open().SerializeAsString(),
            first.open().SerializeAsString());
  EXPECT_EQ(request_.received_through(), 2U);
  EXPECT_EQ(request_.messages_size(), 0);
  call_->Write(Welcome(v1::Welcome::STATE_RESUMED, 4));
  EXPECT_EQ(Sequences(call_->ReadMessages(1)), From(5, 5));
  call_->Write(Results(3, 5));
  EXPECT_TRUE(ReceivedThrough(5));
  CloseWell();
  EXPECT_EQ(Events(), (std::vector<Kind>{Kind::kConnected, Kind::kDisconnected,
                                         Kind::kConnected, Kind::kClosed}));
  EXPECT_EQ(Event(1).status, kCut);
  EXPECT_EQ(Event(2).state, State::kResumed);
}

TEST_F(MessageStreamReconnectTest, SendsAgainWhatALostServerDidNotAnswer) {
  Connect();
  Send(5);
  call_->ReadMessages(5);
  call_->Write(Results(1, 2));
  ASSERT_TRUE(ReceivedThrough(2));
  call_->Finish(kCut);
  Reconnect();
  call_->Write(Welcome(v1::Welcome::STATE_LOST, 2));
  EXPECT_EQ(Sequences(call_->ReadMessages(3)), From(3, 5));
  call_->Write(Results(3, 5));
  EXPECT_TRUE(ReceivedThrough(5));
  CloseWell();
  EXPECT_EQ(Event(2).state, State::kLost);
}

TEST_F(MessageStreamReconnectTest, EveryOpenSaysWhoseItIsAndHowManyWereBefore) {
  Connect();
  const uint64_t instance = request_.open().instance();
  EXPECT_NE(instance, 0U);
  EXPECT_EQ(request_.open().attempt(), 1U);
  call_->Finish(kCut);
  Reconnect();
  EXPECT_EQ(request_.open().instance(), instance);
  EXPECT_EQ(request_.open().attempt(), 2U);
  stream_->Cancel();
  stream_.reset();
  call_ = nullptr;
  // Another stream is another instance, also in the same process.
  Open(Options());
  Reconnect();
  EXPECT_NE(request_.open().instance(), instance);
  EXPECT_EQ(request_.open().attempt(), 1U);
}

TEST_F(MessageStreamReconnectTest, ResultsThatComeTwiceAreDeliveredOnce) {
  Connect();
  Send(5);
  call_->ReadMessages(5);
  call_->Write(Results(1, 3));
  ASSERT_TRUE(ReceivedThrough(3));
  call_->Finish(kCut);
  Reconnect();
  call_->Write(Welcome(v1::Welcome::STATE_RESUMED, 5));
  call_->Write(Results(1, 5));
  EXPECT_TRUE(ReceivedThrough(5));
  CloseWell();
}

TEST_F(MessageStreamReconnectTest, TriesAgainUntilAServerAnswers) {
  Open(Options());
  for (const absl::StatusCode code :
       {absl::StatusCode::kUnavailable, absl::StatusCode::kInternal,
        absl::StatusCode::kUnknown, absl::StatusCode::kCancelled}) {
    server_.Accept()->Finish(absl::Status(code, "not now"));
  }
  server_.Accept()->Finish(absl::OkStatus());
  Reconnect();
  call_->Write(Welcome(v1::Welcome::STATE_NEW));
  EXPECT_EQ(Event(0).kind, Kind::kConnected);
}

TEST_F(MessageStreamReconnectTest, ConnectsOnceAServerIsThere) {
  MessageStreamOptions options = Options();
  options.target = "127.0.0.1:1";  // Nobody listens here.
  Open(options);
  const absl::Status status =
      stream_->WaitUntilConnected(absl::Milliseconds(50));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(MessageStreamReconnectTest, AnyOtherStatusEndsTheStream) {
  for (const absl::StatusCode code :
       {absl::StatusCode::kNotFound, absl::StatusCode::kInvalidArgument,
        absl::StatusCode::kPermissionDenied,
        absl::StatusCode::kResourceExhausted,
        absl::StatusCode::kUnimplemented}) {
    events_.clear();
    Open(Options());
    server_.Accept()->Finish(absl::Status(code, "unknown handler"));
    EXPECT_EQ(Event(0).kind, Kind::kClosed);
    EXPECT_EQ(Event(0).status, absl::Status(code, "unknown handler"));
    EXPECT_EQ(stream_->Send("").status().code(), code);
    EXPECT_EQ(stream_->WaitUntilConnected(kPatience).code(), code);
    EXPECT_EQ(stream_->Close().code(), code);
    stream_.reset();
  }
}

TEST_F(MessageStreamReconnectTest, ASessionTakenOverEnds) {
  MessageStreamOptions options = Options();
  options.session_id = "shared";
  options.session_token = "known to somebody";
  Connect(options);
  call_->Finish(absl::AbortedError("taken over"));
  EXPECT_EQ(Event(1).kind, Kind::kClosed);
  EXPECT_EQ(Event(1).status.code(), absl::StatusCode::kAborted);
}

// Nobody else knows its token: that was an older Open of its own, late.
TEST_F(MessageStreamReconnectTest, ASessionTakenOverByItselfGoesOn) {
  Connect();
  Send(1);
  call_->ReadMessages(1);
  call_->Finish(absl::AbortedError("taken over"));
  Reconnect();
  call_->Write(Welcome(v1::Welcome::STATE_RESUMED, 1));
  call_->Write(Results(1, 1));
  EXPECT_TRUE(ReceivedThrough(1));
  CloseWell();
}

TEST_F(MessageStreamReconnectTest, GivesUpAfterTheTimeItWasGiven) {
  MessageStreamOptions options = Options();
  options.target = "127.0.0.1:1";  // Nobody listens here.
  options.give_up_after = absl::Milliseconds(30);
  Open(options);
  EXPECT_EQ(Event(0).kind, Kind::kClosed);
  EXPECT_EQ(Event(0).status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(stream_->Send("").status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(MessageStreamReconnectTest, AnAttemptThatNobodyAnswersIsGivenUp) {
  MessageStreamOptions options = Options();
  options.connect_timeout = absl::Milliseconds(20);
  Open(options);
  server_.Accept()->AwaitCancelled();
  server_.Accept()->AwaitCancelled();
}

TEST_F(MessageStreamReconnectTest, ASilentServerIsGivenUp) {
  Connect(Options(), absl::Milliseconds(20));
  call_->AwaitCancelled();
  EXPECT_EQ(Event(1).kind, Kind::kDisconnected);
  EXPECT_EQ(Event(1).status.code(), absl::StatusCode::kUnavailable);
  Reconnect();
}

TEST_F(MessageStreamReconnectTest, HeartbeatsKeepAnIdleStreamOpen) {
  Connect(Options(), absl::Milliseconds(50));
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(call_->Read(&request_));
    EXPECT_EQ(request_.ByteSizeLong(), 0U);
    call_->Write(v1::ProcessResponse());
  }
}

TEST_F(MessageStreamReconnectTest, ASlowCallbackIsNoSilenceOfTheServers) {
  // Shared: the last callback may outlive this function.
  const auto go_on = std::make_shared<bool>(false);
  on_result_ = [this, go_on](const Result&) {
    EXPECT_TRUE(Await([go_on] { return *go_on; }));
  };
  Connect(Options(), absl::Milliseconds(20));
  Send(1);
  call_->ReadMessages(1);
  call_->Write(Results(1, 1));
  // Heartbeats go on meanwhile, for more than three intervals.
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(call_->Read(&request_));
  {
    MutexLock lock(&mutex_);
    *go_on = true;
    changed_.SignalAll();
  }
  Send(1);
  call_->ReadMessages(1);
  call_->Write(Results(2, 2));
  EXPECT_TRUE(ReceivedThrough(2));
  EXPECT_EQ(Events(), std::vector<Kind>{Kind::kConnected});
}

TEST_F(MessageStreamReconnectTest, GarbageBreaksTheConnection) {
  Connect();
  Send(1);
  call_->ReadMessages(1);
  call_->WriteBytes("\xff\xff\xff garbage");
  call_->AwaitCancelled();
  EXPECT_EQ(Event(1).status.code(), absl::StatusCode::kInternal);
  Reconnect();
  call_->Write(Welcome(v1::Welcome::STATE_RESUMED, 1));
  call_->Write(Results(1, 1));
  EXPECT_TRUE(ReceivedThrough(1));
  CloseWell();
}

TEST_F(MessageStreamReconnectTest, ResultsOutOfOrderBreakTheConnection) {
  Connect();
  Send(3);
  call_->ReadMessages(3);
  v1::ProcessResponse response = Results(1, 1);
  response.add_results()->set_sequence(3);
  call_->Write(response);
  call_->AwaitCancelled();
  EXPECT_EQ(Event(1).status.code(), absl::StatusCode::kInternal);
  Reconnect();
  EXPECT_EQ(request_.received_through(), 1U);
  call_->Write(Welcome(v1::Welcome::STATE_RESUMED, 3));
  call_->Write(Results(2, 3));
  EXPECT_TRUE(ReceivedThrough(3));
  CloseWell();
}

TEST_F(MessageStreamReconnectTest,
       AResultThatComesTwiceIsToldAndDeliveredOnce) {
  Connect();
  Send(2);
  call_->ReadMessages(2);
  v1::ProcessResponse twice = Results(1, 1);
  *twice.add_results() = twice.results(0);
  call_->Write(twice);
  call_->AwaitCancelled();
  EXPECT_EQ(Event(1).kind, Kind::kViolation);
  EXPECT_EQ(Event(1).status.message(),
            "the server sent the result of message 1 twice; that of 2 was due");
  EXPECT_TRUE(Event(1).duplicate);
  Reconnect();
  EXPECT_EQ(request_.received_through(), 1U);
  call_->Write(Welcome(v1::Welcome::STATE_RESUMED, 2));
  call_->Write(Results(2, 2));
  EXPECT_TRUE(ReceivedThrough(2));
  CloseWell();
}

TEST_F(MessageStreamReconnectTest, ARepeatAfterTheLastResultIsToldToo) {
  Connect();
  Send(1);
  call_->ReadMessages(1);
  call_->Write(Results(1, 1));
  ASSERT_TRUE(ReceivedThrough(1));
  EXPECT_FALSE(stream_->Close(absl::ZeroDuration()).ok());
  call_->Write(Results(1, 1));
  EXPECT_EQ(Event(1).kind, Kind::kViolation);
  EXPECT_EQ(stream_->Close(kPatience), absl::OkStatus());
}

TEST_F(MessageStreamReconnectTest, ASessionOfAnotherProcessEndsTheStream) {
  MessageStreamOptions options = Options();
  options.session_id = "mine";
  options.session_token = "0123456789abcdef";
  Open(options);
  call_ = server_.Accept();
  ASSERT_NE(call_, nullptr);
  ASSERT_TRUE(call_->Read(&request_));
  call_->Write(Welcome(v1::Welcome::STATE_RESUMED, 100));
  EXPECT_EQ(stream_->WaitUntilConnected(kPatience).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Event(0).kind, Kind::kClosed);
  EXPECT_FALSE(server_.HasStream());
}

TEST_F(MessageStreamReconnectTest, ANewSessionInPlaceOfTheOldOneIsRefused) {
  Connect();
  Send(1);
  call_->ReadMessages(1);
  call_->Write(Results(1, 1));
  ASSERT_TRUE(ReceivedThrough(1));
  call_->Finish(kCut);
  Reconnect();
  call_->Write(Welcome(v1::Welcome::STATE_NEW));
  call_->AwaitCancelled();
  Reconnect();
  call_->Write(Welcome(v1::Welcome::STATE_LOST, 1));
  ASSERT_TRUE(stream_->WaitUntilConnected(kPatience).ok());
  CloseWell();
}

TEST_F(MessageStreamReconnectTest, MessagesSentMeanwhileFollow) {
  Connect();
  Send(1);
  call_->ReadMessages(1);
  call_->Finish(kCut);
  EXPECT_EQ(Event(1).kind, Kind::kDisconnected);
  Send(2);
  Reconnect();
  call_->Write(Welcome(v1::Welcome::STATE_RESUMED, 1));
  EXPECT_EQ(Sequences(call_->ReadMessages(2)), From(2, 3));
  call_->Write(Results(1, 3));
  EXPECT_TRUE(ReceivedThrough(3));
  CloseWell();
}

TEST_F(MessageStreamReconnectTest, ClosingSurvivesABreak) {
  Connect();
  Send(2);
  call_->ReadMessages(2);
  EXPECT_EQ(stream_->Close(absl::ZeroDuration()).code(),
            absl::StatusCode::kDeadlineExceeded);
  call_->Finish(kCut);
  Reconnect();
  call_->Write(Welcome(v1::Welcome::STATE_RESUMED, 2));
  call_->Write(Results(1, 2));
  EXPECT_EQ(call_->ReadAll().back().received_through(), 2U);
  // Everything has its result: a break now changes nothing.
  call_->Finish(kCut);
  EXPECT_EQ(stream_->Close(kPatience), absl::OkStatus());
}

TEST_F(MessageStreamReconnectTest, EveryConnectionIsANewOne) {
  Connect();
  const std::string first = call_->peer();
  call_->Finish(kCut);
  Reconnect();
  EXPECT_NE(call_->peer(), first);
}

TEST_F(MessageStreamReconnectTest, StreamsWithTheSameKeyShareAConnection) {
  MessageStreamOptions options = Options();
  options.connection_key = 7;
  Connect(options);
  const std::shared_ptr<ScriptedStream> first = call_;
  const std::unique_ptr<MessageStream> first_stream = std::move(stream_);
  Connect(options);
  const std::shared_ptr<ScriptedStream> second = call_;
  EXPECT_EQ(first->peer(), second->peer());
  const std::unique_ptr<MessageStream> second_stream = std::move(stream_);
  options.connection_key = 8;
  Connect(options);
  EXPECT_NE(call_->peer(), first->peer());

  // After a break they meet again on another one.
  first->Finish(kCut);
  second->Finish(kCut);
  Reconnect();
  const std::string next = call_->peer();
  Reconnect();
  EXPECT_EQ(call_->peer(), next);
  EXPECT_NE(next, first->peer());
}

// Goes through a list of addresses.
class Journey final : public AddressSource {
 public:
  explicit Journey(std::vector<absl::StatusOr<std::string>> addresses)
      : addresses_(std::move(addresses)) {}

  void Next(const std::vector<std::string>& /*failed*/,
            const std::string& /*token*/, Done done) override {
    done(addresses_[next_]);
    if (next_ + 1 < addresses_.size()) ++next_;
  }

 private:
  std::vector<absl::StatusOr<std::string>> addresses_;
  size_t next_ = 0;
};

TEST_F(MessageStreamReconnectTest, AJourneyToAnotherServerAndBack) {
  ScriptedServer other;
  MessageStreamOptions options = Options();
  stream_ = std::make_unique<ReconnectingStream>(
      options,
      std::make_unique<Journey>(std::vector<absl::StatusOr<std::string>>{
          server_.address(), absl::UnavailableError("none yet"),
          other.address(), server_.address()}));
  Reconnect();
  call_->Write(Welcome(v1::Welcome::STATE_NEW));
  ASSERT_TRUE(stream_->WaitUntilConnected(kPatience).ok());
  Send(4);
  call_->ReadMessages(4);
  call_->Write(Results(1, 1));
  ASSERT_TRUE(ReceivedThrough(1));
  call_->Finish(kCut);
  // The same address once more, then the next one.
  server_.Accept()->Finish(kCut);
  std::shared_ptr<ScriptedStream> there = other.Accept();
  ASSERT_TRUE(there->Read(&request_));
  EXPECT_EQ(request_.received_through(), 1U);
  there->Write(Welcome(v1::Welcome::STATE_LOST, 1));
  EXPECT_EQ(Sequences(there->ReadMessages(3)), From(2, 4));
  there->Write(Results(2, 2));
  ASSERT_TRUE(ReceivedThrough(2));
  there->Finish(kCut);
  other.Accept()->Finish(kCut);
  Reconnect();
  EXPECT_EQ(request_.received_through(), 2U);
  call_->Write(Welcome(v1::Welcome::STATE_RESUMED, 4));
  call_->Write(Results(3, 4));
  EXPECT_TRUE(ReceivedThrough(4));
  CloseWell();
}

TEST_F(MessageStreamReconnectTest, ASourceThatRefusesEndsTheStream) {
  stream_ = std::make_unique<ReconnectingStream>(
      Options(),
      std::make_unique<Journey>(std::vector<absl::StatusOr<std::string>>{
          absl::InvalidArgumentError("affinity_key")}));
  EXPECT_EQ(Event(0).kind, Kind::kClosed);
  EXPECT_EQ(Event(0).status.code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(MessageStreamReconnectTest, CanBeClosedAndCancelledWhileItWaits) {
  MessageStreamOptions options = Options();
  options.target = "127.0.0.1:1";  // Nobody listens here.
  options.initial_backoff = options.max_backoff = absl::Hours(1);
  Open(options);
  EXPECT_EQ(stream_->WaitUntilConnected(absl::Milliseconds(20)).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(stream_->Close(kPatience), absl::OkStatus());
  events_.clear();
  Open(options);
  Send(1);
  stream_->Cancel();
  EXPECT_EQ(Event(0).kind, Kind::kClosed);
  EXPECT_EQ(stream_->Close(kPatience).code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace msgproc::client
