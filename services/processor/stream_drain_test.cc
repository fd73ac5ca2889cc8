// A server that stops, and one that has too much to do.
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/testing/processor_fixture.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;

class StreamDrainTest : public ProcessorFixture {
 protected:
  void BeginDrain(absl::Duration timeout) {
    draining_ = std::thread([this, timeout] { server_->Drain(timeout); });
    ASSERT_TRUE(Eventually([&] { return counters().draining.load(); }));
  }
  void EndDrain() {
    draining_.join();
    EXPECT_EQ(counters().streams, 0);
  }
  void LeaveNeighbour() {
    neighbour().Leave();
    neighbour_.reset();
  }
  // Waits for the Drain that comes by itself.
  static void AwaitDrain(RawStream* stream, v1::Drain::Reason reason) {
    while (!stream->drain().has_value()) {
      ASSERT_TRUE(stream->Read().has_value()) << stream->Finish();
    }
    EXPECT_EQ(stream->drain()->reason(), reason);
  }

  std::thread draining_;
};

TEST_F(StreamDrainTest, EveryStreamIsToldAndMayFinish) {
  Start();
  RawStream mute(address());
  ASSERT_TRUE(mute.AwaitInitialMetadata());
  RawStream anonymous(address());
  ASSERT_TRUE(anonymous.Write(Messages(1, 1)));
  EXPECT_EQ(anonymous.ReadResults(1).size(), 1U);
  RawStream busy(address());
  busy.Open(OpenRequest("s", "gate"));
  ASSERT_TRUE(busy.Write(Messages(1, 10)));
  ASSERT_TRUE(gate_.Await(1));

  BeginDrain(absl::Seconds(60));
  EXPECT_FALSE(server_->Serving());
  for (RawStream* stream : {&mute, &anonymous, &busy}) {
    AwaitDrain(stream, v1::Drain::REASON_SHUTDOWN);
    EXPECT_EQ(stream->drain()->grace().seconds(), 60);
    EXPECT_EQ(stream->drain()->server_address(), "");
  }
  // What still arrives is accepted and answered.
  ASSERT_TRUE(busy.Write(Messages(11, 5)));
  ASSERT_TRUE(anonymous.Write(Messages(2, 3)));
  EXPECT_EQ(anonymous.ReadResults(3).size(), 3U);
  ASSERT_TRUE(mute.Write(OpenRequest("late")));
  EXPECT_TRUE(mute.Read()->has_welcome());
  busy.HalfClose();
  gate_.Open();
  EXPECT_EQ(busy.ReadToEnd(), Range(1, 15));
  EXPECT_EQ(busy.Finish(), absl::OkStatus());
  for (RawStream* stream : {&mute, &anonymous}) {
    stream->HalfClose();
    EXPECT_EQ(stream->Finish(), absl::OkStatus());
  }
  LeaveNeighbour();
  EndDrain();
}

TEST_F(StreamDrainTest, AnOperatorEndsAStreamWithoutASession) {
  Start();
  RawStream one(address());
  RawStream two(address());
  for (RawStream* stream : {&one, &two}) {
    ASSERT_TRUE(stream->Write(Messages(1, 1)));
    EXPECT_EQ(stream->ReadResults(1).size(), 1U);
  }
  std::vector<std::shared_ptr<HostedSession>> sessions;
  server_->context()->sessions()->anonymous()->AppendTo(&sessions);
  ASSERT_EQ(sessions.size(), 2U);
  EXPECT_TRUE(server_->streams()->EndStreamOf(*sessions[0], "An operator."));
  EXPECT_EQ(one.Finish().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(
      server_->context()->sessions()->anonymous()->Find(sessions[0]->number()),
      nullptr);
  // The neighbour was not disturbed.
  ASSERT_TRUE(two.Write(Messages(2, 1)));
  EXPECT_EQ(two.ReadResults(1).size(), 1U);
}

TEST_F(StreamDrainTest, AnOperatorEndsOneStreamAndItsClientResumes) {
  Start();
  RawStream one(address());
  one.Open(OpenRequest("one"));
  ASSERT_TRUE(one.Write(Messages(1, 3)));
  EXPECT_EQ(one.ReadResults(3).size(), 3U);
  RawStream two(address());
  two.Open(OpenRequest("two"));
  const auto session = server_->context()->sessions()->Find("one");
  ASSERT_NE(session, nullptr);
  EXPECT_TRUE(server_->streams()->EndStreamOf(*session, "An operator."));
  const absl::Status status = one.Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(status.message(), HasSubstr("An operator."));
  EXPECT_FALSE(server_->streams()->EndStreamOf(*session, "why"));
  RawStream again(address());
  const v1::Welcome welcome = again.Open(OpenRequest("one"));
  EXPECT_EQ(welcome.state(), v1::Welcome::STATE_RESUMED);
  EXPECT_EQ(welcome.accepted_through(), 3U);
  // The neighbour was not disturbed.
  ASSERT_TRUE(two.Write(Messages(1, 1)));
  EXPECT_EQ(two.ReadResults(1).size(), 1U);
}

TEST_F(StreamDrainTest, NoStreamBeginsOnAConnectionThatWasThereBefore) {
  Start();
  const auto channel = NewChannel(address());
  RawStream before(channel);
  ASSERT_TRUE(before.AwaitInitialMetadata());
  BeginDrain(absl::Seconds(60));
  EXPECT_TRUE(Eventually([&] {
    return channel->GetState(/*try_to_connect=*/false) != GRPC_CHANNEL_READY;
  }));
  for (int i = 0; i < 8; ++i) {
    RawStream after(channel, /*wait_for_ready=*/false);
    EXPECT_EQ(after.Finish().code(), absl::StatusCode::kUnavailable);
    EXPECT_FALSE(after.drain().has_value());
  }
  // What was there before has all its time.
  AwaitDrain(&before, v1::Drain::REASON_SHUTDOWN);
  ASSERT_TRUE(before.Write(Messages(1, 3)));
  EXPECT_EQ(before.ReadResults(3).size(), 3U);
  before.HalfClose();
  EXPECT_EQ(before.Finish(), absl::OkStatus());
  LeaveNeighbour();
  EndDrain();
}

TEST_F(StreamDrainTest, WhoStaysIsUnavailableInTheEnd) {
  Start();
  RawStream idle(address());
  idle.Open(OpenRequest("idle"));
  RawStream busy(address());
  busy.Open(OpenRequest("busy", "gate"));
  ASSERT_TRUE(busy.Write(Messages(1, 100)));
  ASSERT_TRUE(gate_.Await(1));
  LeaveNeighbour();
  BeginDrain(absl::Milliseconds(100));
  for (RawStream* stream : {&idle, &busy}) {
    EXPECT_TRUE(stream->ReadToEnd().empty());
    const absl::Status status = stream->Finish();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("drain timeout"));
    EXPECT_TRUE(stream->drain().has_value());
  }
  EndDrain();
  // The server does not wait for the hundred messages either.
  std::thread opener([this] { gate_.Open(); });
  server_.reset();
  opener.join();
}

TEST_F(StreamDrainTest, MovesSessionsThatCanBeResumedElsewhere) {
  Start();
  std::vector<std::unique_ptr<RawStream>> anonymous;
  for (int i = 0; i < 3; ++i) {
    anonymous.push_back(std::make_unique<RawStream>(address()));
    ASSERT_TRUE(anonymous.back()->Write(Messages(1, 1)));
    EXPECT_EQ(anonymous.back()->ReadResults(1).size(), 1U);
  }
  RawStream opened(address());
  opened.Open(OpenRequest("s"));
  // This one and the neighbour's.
  EXPECT_EQ(server_->streams()->Move(10, "10.1.2.3:50051"), 2U);
  EXPECT_EQ(server_->streams()->Move(10, "10.1.2.3:50051"), 0U);
  AwaitDrain(&opened, v1::Drain::REASON_REBALANCE);
  EXPECT_EQ(opened.drain()->server_address(), "10.1.2.3:50051");
  EXPECT_EQ(opened.drain()->grace().seconds(), 25);
  ASSERT_TRUE(opened.Write(Messages(1, 1)));
  EXPECT_EQ(opened.ReadResults(1).size(), 1U);
  for (const auto& stream : anonymous) {
    ASSERT_TRUE(stream->Write(Messages(2, 1)));
    EXPECT_EQ(stream->ReadResults(1).size(), 1U);
    EXPECT_FALSE(stream->drain().has_value());
  }
}

TEST_F(StreamDrainTest, AnOldSessionIsToldToOpenAnotherStream) {
  options_.streams.max_stream_age = absl::Seconds(30);
  Start();
  RawStream anonymous(address());
  ASSERT_TRUE(anonymous.Write(Messages(1, 1)));
  EXPECT_EQ(anonymous.ReadResults(1).size(), 1U);
  RawStream opened(address());
  opened.Open(OpenRequest("s"));
  server_->Tick();
  Pass(absl::Seconds(26));
  ASSERT_TRUE(opened.Write(Messages(1, 1)));
  EXPECT_EQ(opened.ReadResults(1).size(), 1U);
  EXPECT_FALSE(opened.drain().has_value());
  Pass(absl::Seconds(8));
  AwaitDrain(&opened, v1::Drain::REASON_AGE);
  EXPECT_EQ(opened.drain()->server_address(), "");
  EXPECT_EQ(opened.drain()->grace().seconds(), 25);
  // What still arrives is accepted and answered, and the session goes on.
  ASSERT_TRUE(opened.Write(Messages(2, 2)));
  EXPECT_EQ(opened.ReadResults(2).size(), 2U);
  opened.HalfClose();
  EXPECT_EQ(opened.Finish(), absl::OkStatus());
  RawStream again(address());
  EXPECT_EQ(again.Open(OpenRequest("s")).state(), v1::Welcome::STATE_RESUMED);
  ASSERT_TRUE(anonymous.Write(Messages(2, 1)));
  EXPECT_EQ(anonymous.ReadResults(1).size(), 1U);
  EXPECT_FALSE(anonymous.drain().has_value());
}

TEST_F(StreamDrainTest, MovesNoMoreThanItIsAskedTo) {
  Start();
  std::vector<std::unique_ptr<RawStream>> streams;
  for (int i = 0; i < 5; ++i) {
    streams.push_back(std::make_unique<RawStream>(address()));
    streams.back()->Open(OpenRequest("s" + std::to_string(i)));
  }
  EXPECT_EQ(server_->streams()->Move(0, "a:1"), 0U);
  EXPECT_EQ(server_->streams()->Move(2, "a:1"), 2U);
  EXPECT_EQ(server_->streams()->Move(9, "a:1"), 4U);
}

}  // namespace
}  // namespace msgproc::processor
