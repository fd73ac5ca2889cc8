// The client library and a real processor, with a bad connection between them.
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/message_stream.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/testing/processor_fixture.h"
#include "services/processor/testing/tcp_relay.h"

namespace msgproc::processor {
namespace {

using client::MessageStream;
using client::MessageStreamOptions;
using client::StreamEvent;
using testing::HasSubstr;

// A stream that expects payloads back as they were sent, in order.
class Expecting {
 public:
  Expecting(const std::string& target, const std::string& handler,
            int connection_key = -1) {
    MessageStreamOptions options;
    options.target = target;
    options.handler = handler;
    options.connection_key = connection_key;
    options.initial_backoff = absl::Milliseconds(1);
    options.max_backoff = absl::Milliseconds(5);
    options.on_result = [this](const client::Result& result) {
      const uint64_t sequence = received_ + 1;
      EXPECT_EQ(result.sequence, sequence);
      EXPECT_EQ(result.code, absl::StatusCode::kOk) << result.error;
      EXPECT_EQ(result.payload, PayloadOf(sequence));
      received_ = sequence;
    };
    options.on_event = [this](const StreamEvent& event) {
      if (event.kind != StreamEvent::Kind::kConnected) return;
      if (event.state == StreamEvent::State::kResumed) ++resumed_;
      EXPECT_NE(event.state, StreamEvent::State::kLost);
    };
    stream_ = *MessageStream::Open(std::move(options));
  }

  void Send(uint64_t messages) {
    for (uint64_t i = 0; i < messages; ++i) {
      const auto sent = stream_->Send(PayloadOf(sent_ + 1));
      ASSERT_TRUE(sent.ok()) << sent.status();
      sent_ = *sent;
    }
  }

  void Close() {
    EXPECT_EQ(stream_->Close(absl::Seconds(60)), absl::OkStatus());
    EXPECT_EQ(received_, sent_);
  }

  uint64_t received() const { return received_; }
  int resumed() const { return resumed_; }

 private:
  uint64_t sent_ = 0;
  std::atomic<uint64_t> received_{0};
  std::atomic<int> resumed_{0};
  std::unique_ptr<MessageStream> stream_;
};

class ClientLibraryTest : public ProcessorFixture {};

TEST_F(ClientLibraryTest, EveryMessageIsProcessedOnceThoughConnectionsBreak) {
  constexpr uint64_t kMessages = 5000;
  constexpr uint64_t kBreaks = 10;
  Start();
  for (const char* handler : {"seen", "jitter"}) {
    TcpRelay relay(address());
    Expecting stream(relay.address(), handler);
    for (uint64_t i = 0; i < kBreaks; ++i) {
      const uint64_t before = stream.received();
      stream.Send(kMessages / kBreaks);
      ASSERT_TRUE(Eventually([&] { return stream.received() > before; }));
      relay.Break();
    }
    stream.Close();
    EXPECT_GT(stream.resumed(), 0);
    EXPECT_EQ(stream.received(), kMessages);
  }
  for (uint64_t i = 1; i <= kMessages; ++i) {
    ASSERT_EQ(seen_.of(PayloadOf(i)), 1);
  }
}

TEST_F(ClientLibraryTest, AnOpenThatWasLongUnderWayDisturbsNobody) {
  Start();
  TcpRelay relay(address());
  relay.HoldFirst("till-7");
  std::atomic<int> disconnected{0};
  std::atomic<uint64_t> received{0};
  MessageStreamOptions options;
  options.target = relay.address();
  options.session_id = "till-7";
  // With a token of its own a stream does not come back when it is ABORTED.
  options.session_token = TokenOf("till-7");
  options.connect_timeout = absl::Seconds(3);
  options.initial_backoff = absl::Milliseconds(1);
  options.on_result = [&](const client::Result& result) {
    EXPECT_EQ(result.sequence, received + 1);
    received = result.sequence;
  };
  options.on_event = [&](const StreamEvent& event) {
    if (event.kind == StreamEvent::Kind::kDisconnected) ++disconnected;
  };
  const auto stream = *MessageStream::Open(std::move(options));
  ASSERT_TRUE(Eventually([&] { return relay.Holds(); }));
  const absl::Status connected = stream->WaitUntilConnected(absl::Seconds(60));
  ASSERT_TRUE(connected.ok()) << connected;
  ASSERT_TRUE(stream->Send("before").ok());
  ASSERT_TRUE(Eventually([&] { return received == 1; }));

  const uint64_t late = counters().sessions_late;
  const uint64_t takeovers = counters().takeovers;
  const double ended = StreamsEnded();
  relay.Deliver();
  ASSERT_TRUE(Eventually([&] { return counters().sessions_late == late + 1; }));
  ASSERT_TRUE(Eventually([&] { return StreamsEnded() == ended + 1; }));
  ASSERT_TRUE(stream->Send("after").ok());
  ASSERT_TRUE(Eventually([&] { return received == 2; }));
  EXPECT_EQ(disconnected, 0);
  EXPECT_EQ(counters().takeovers, takeovers);
  EXPECT_EQ(stream->Close(absl::Seconds(60)), absl::OkStatus());
}

TEST_F(ClientLibraryTest, StreamsThatShareAConnectionDoNotShareResults) {
  constexpr uint64_t kMessages = 300;
  Start();
  std::vector<std::unique_ptr<Expecting>> streams;
  for (const char* handler : {"echo", "pool", "jitter", "echo", "pool"}) {
    streams.push_back(std::make_unique<Expecting>(address(), handler, 1));
  }
  for (uint64_t i = 0; i < kMessages; ++i) {
    for (const auto& stream : streams) stream->Send(1);
  }
  for (const auto& stream : streams) stream->Close();
}

TEST_F(ClientLibraryTest, AMessageThatFailsFailsAlone) {
  Start();
  std::vector<std::string> answers;
  MessageStreamOptions options;
  options.target = address();
  options.handler = "size";
  options.on_result = [&](const client::Result& result) {
    answers.emplace_back(result.code == absl::StatusCode::kOk ? result.payload
                                                              : result.error);
  };
  const auto stream = *MessageStream::Open(std::move(options));
  for (const char* size : {"3", "nonsense", "1048577", "1"}) {
    ASSERT_TRUE(stream->Send(size).ok());
  }
  ASSERT_EQ(stream->Close(), absl::OkStatus());
  EXPECT_THAT(answers, testing::ElementsAre("xxx", HasSubstr("not a size"),
                                            HasSubstr("1048577 bytes"), "x"));
}

// gRPC then ends streams, of whomever, which come back: each time that a frame
// gives memory back to gRPC while others want it is a chance to do that wrong.
TEST_F(ClientLibraryTest, FullBuffersEndStreamsAndNotTheProcess) {
  constexpr int kStreams = 8;
  constexpr uint64_t kMessages = 100;
  options_.grpc.max_buffered_bytes = 1 << 20;
  // Without a neighbour, whose stream might be ended as well.
  server_ = StartAnother();
  const std::string payload(200 << 10, 'x');
  std::atomic<uint64_t> answered{0};
  std::vector<std::unique_ptr<MessageStream>> streams;
  for (int i = 0; i < kStreams; ++i) {
    MessageStreamOptions options;
    options.target = address();
    options.handler = "echo";
    options.connection_key = i;
    options.initial_backoff = absl::Milliseconds(1);
    options.max_backoff = absl::Milliseconds(5);
    options.on_result = [&](const client::Result& result) {
      EXPECT_EQ(result.code, absl::StatusCode::kOk) << result.error;
      ++answered;
    };
    streams.push_back(*MessageStream::Open(std::move(options)));
  }
  for (uint64_t i = 0; i < kMessages; ++i) {
    for (const auto& stream : streams) {
      ASSERT_TRUE(stream->Send(payload).ok());
    }
  }
  for (const auto& stream : streams) {
    EXPECT_EQ(stream->Close(absl::Seconds(60)), absl::OkStatus());
  }
  EXPECT_EQ(answered, kStreams * kMessages);
}

}  // namespace
}  // namespace msgproc::processor
