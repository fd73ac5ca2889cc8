// What a MessageStream makes of Drain.
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

v1::ProcessResponse Drain(const std::string& address = "",
                          absl::Duration grace = absl::Seconds(30)) {
  v1::ProcessResponse response;
  v1::Drain* drain = response.mutable_drain();
  drain->set_reason(v1::Drain::REASON_SHUTDOWN);
  drain->set_server_address(address);
  drain->mutable_grace()->set_seconds(absl::ToInt64Seconds(grace));
  drain->mutable_grace()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(grace % absl::Seconds(1))));
  return response;
}

class MessageStreamDrainTest : public MessageStreamFixture {};

TEST_F(MessageStreamDrainTest, MovesWithoutLosingAnything) {
  Connect();
  Send(3);
  call_->ReadMessages(3);
  call_->Write(Drain());
  EXPECT_EQ(Event(1).kind, Kind::kDraining);
  Send(2);  // These wait for the next connection.
  call_->Write(Results(1, 3));
  const std::string first = call_->peer();
  const std::vector<v1::ProcessRequest> rest = call_->ReadAll();
  ASSERT_FALSE(rest.empty());
  EXPECT_EQ(rest.back().received_through(), 3U);
  for (const v1::ProcessRequest& request : rest) {
    EXPECT_EQ(request.messages_size(), 0);
  }
  call_->Finish(absl::OkStatus());
  Reconnect();
  EXPECT_NE(call_->peer(), first);
  EXPECT_EQ(request_.received_through(), 3U);
  EXPECT_EQ(request_.open().moved_for(), v1::Drain::REASON_SHUTDOWN);
  call_->Write(Welcome(v1::Welcome::STATE_LOST, 3));
  EXPECT_EQ(Sequences(call_->ReadMessages(2)), From(4, 5));
  call_->Write(Results(4, 5));
  EXPECT_TRUE(ReceivedThrough(5));
  CloseWell();
  EXPECT_EQ(Events(), (std::vector<Kind>{Kind::kConnected, Kind::kDraining,
                                         Kind::kDisconnected, Kind::kConnected,
                                         Kind::kClosed}));
  EXPECT_EQ(Event(2).status, absl::OkStatus());
}

TEST_F(MessageStreamDrainTest, ADrainInFrontOfWelcomeMovesToo) {
  Open(Options());
  call_ = server_.Accept();
  ASSERT_NE(call_, nullptr);
  ASSERT_TRUE(call_->Read(&request_));
  call_->Write(Drain());
  call_->Write(Welcome(v1::Welcome::STATE_NEW));
  EXPECT_TRUE(call_->ReadAll().empty());
  call_->Finish(absl::OkStatus());
  EXPECT_EQ(Event(0).kind, Kind::kConnected);
  EXPECT_EQ(Event(1).kind, Kind::kDraining);
  Reconnect();
  EXPECT_EQ(request_.open().moved_for(), v1::Drain::REASON_SHUTDOWN);
}

TEST_F(MessageStreamDrainTest, ADrainInPlaceOfWelcomeMovesToo) {
  Open(Options());
  call_ = server_.Accept();
  ASSERT_NE(call_, nullptr);
  ASSERT_TRUE(call_->Read(&request_));
  call_->Write(Drain());
  call_->Finish(absl::OkStatus());
  Reconnect();
  call_->Write(Welcome(v1::Welcome::STATE_NEW));
  EXPECT_TRUE(stream_->WaitUntilConnected(kPatience).ok());
}

TEST_F(MessageStreamDrainTest, AnIdleStreamMovesAtOnce) {
  Connect();
  call_->Write(Drain());
  EXPECT_TRUE(call_->ReadAll().empty());
  call_->Finish(absl::OkStatus());
  Reconnect();
}

TEST_F(MessageStreamDrainTest, BreaksWhenItTakesLongerThanTheGrace) {
  Connect();
  Send(1);
  call_->ReadMessages(1);
  call_->Write(Drain("", absl::Milliseconds(20)));
  call_->AwaitCancelled();
  Reconnect();
  call_->Write(Welcome(v1::Welcome::STATE_RESUMED, 1));
  call_->Write(Results(1, 1));
  EXPECT_TRUE(ReceivedThrough(1));
  CloseWell();
}

TEST_F(MessageStreamDrainTest, AServerThatDiesWhileDrainingIsLeft) {
  Connect();
  Send(1);
  call_->ReadMessages(1);
  call_->Write(Drain());
  EXPECT_EQ(Event(1).kind, Kind::kDraining);
  call_->Finish(absl::UnavailableError("drain timeout"));
  Reconnect();
  EXPECT_EQ(request_.open().moved_for(), v1::Drain::REASON_UNSPECIFIED);
  call_->Write(Welcome(v1::Welcome::STATE_LOST));
  EXPECT_EQ(Sequences(call_->ReadMessages(1)), From(1, 1));
  call_->Write(Results(1, 1));
  EXPECT_TRUE(ReceivedThrough(1));
  CloseWell();
}

TEST_F(MessageStreamDrainTest, CloseDuringADrainNeedsNoOtherServer) {
  Connect();
  Send(1);
  call_->ReadMessages(1);
  call_->Write(Drain());
  EXPECT_EQ(Event(1).kind, Kind::kDraining);
  EXPECT_EQ(stream_->Close(absl::ZeroDuration()).code(),
            absl::StatusCode::kDeadlineExceeded);
  call_->Write(Results(1, 1));
  call_->ReadAll();
  call_->Finish(absl::OkStatus());
  EXPECT_EQ(stream_->Close(kPatience), absl::OkStatus());
}

TEST_F(MessageStreamDrainTest, OnlyClientsOfABalancerFollowTheServersAddress) {
  ScriptedServer other;
  Connect();
  call_->Write(Drain(other.address()));
  call_->ReadAll();
  call_->Finish(absl::OkStatus());
  Reconnect();  // At the target.

  MessageStreamOptions options = Options();
  options.balancers = {"asked by the source"};
  stream_ = std::make_unique<ReconnectingStream>(
      options, std::make_unique<FixedAddress>(server_.address()));
  Reconnect();
  call_->Write(Welcome(v1::Welcome::STATE_NEW));
  call_->Write(Drain(other.address()));
  call_->ReadAll();
  call_->Finish(absl::OkStatus());
  EXPECT_NE(other.Accept(), nullptr);
}

}  // namespace
}  // namespace msgproc::client
