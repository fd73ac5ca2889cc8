// Clients that vanish, fall silent or do not read.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/testing/processor_fixture.h"
#include "services/processor/testing/tcp_relay.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;

constexpr absl::Duration kHeartbeat = absl::Seconds(20);

class StreamClientsTest : public ProcessorFixture {
 protected:
  // A session whose client asks for 10 MB of results and reads none of them.
  static void AskForMuch(RawStream* stream, const std::string& id) {
    v1::ProcessRequest request;
    for (uint64_t i = 1; i <= 100; ++i) {
      v1::Message* message = request.add_messages();
      message->set_sequence(i);
      message->set_payload("100000");
    }
    if (!id.empty()) {
      ASSERT_TRUE(stream->Write(OpenRequest(id, "size")));
    }
    ASSERT_TRUE(stream->Write(request));
  }

  // Lets time pass until the processor loses its patience; how long it took.
  absl::Duration PassUntilSlow(RawStream* heartbeats = nullptr) {
    constexpr absl::Duration kStep = absl::Seconds(5);
    const uint64_t slow = counters().slow_consumers;
    absl::Duration passed;
    EXPECT_TRUE(Eventually([&] {
      if (heartbeats != nullptr) {
        const double before = FramesRead();
        heartbeats->Write({});
        EXPECT_TRUE(Eventually([&] { return FramesRead() > before; }));
      }
      neighbour().Exchange();
      clock_.Advance(kStep);
      passed += kStep;
      server_->Tick();
      return counters().slow_consumers > slow;
    }));
    return passed;
  }
};

TEST_F(StreamClientsTest, ASilentClientIsGivenUpAndMayComeBack) {
  Start();
  RawStream stream(address());
  stream.Open(OpenRequest("s"));
  ASSERT_TRUE(stream.Write(Messages(1, 2)));
  EXPECT_EQ(stream.ReadResults(2).size(), 2U);
  Pass(kHeartbeat * 2.9);
  // (That it read the last results may come to the processor's ears later than
  // a clock that leaps.)
  const auto given_up = [&] {
    return counters().silent_sessions + counters().slow_consumers;
  };
  EXPECT_EQ(given_up(), 0U);
  Pass(kHeartbeat * 0.2);
  EXPECT_EQ(given_up(), 1U);
  const absl::Status status = stream.Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("for 1m"));
  EXPECT_EQ(counters().sessions_detached, 1);
  RawStream again(address());
  v1::ProcessRequest open = OpenRequest("s");
  open.set_received_through(1);
  EXPECT_EQ(again.Open(open).state(), v1::Welcome::STATE_RESUMED);
  EXPECT_EQ(again.ReadResults(1).size(), 1U);
}

TEST_F(StreamClientsTest, HeartbeatsKeepASession) {
  Start();
  RawStream stream(address());
  stream.Open(OpenRequest("s"));
  for (int i = 0; i < 8; ++i) {
    Pass(kHeartbeat * 2);
    ASSERT_TRUE(stream.Write({}));
    ASSERT_TRUE(stream.Read().has_value());
  }
}

TEST_F(StreamClientsTest, SilenceCountsFromTheLastWord) {
  Start();
  RawStream stream(address());
  stream.Open(OpenRequest("s"));
  Pass(kHeartbeat * 2);
  ASSERT_TRUE(stream.Write({}));
  ASSERT_TRUE(stream.Read().has_value());
  Pass(kHeartbeat * 2.8);
  EXPECT_EQ(counters().silent_sessions, 0U);
  Pass(kHeartbeat * 0.4);
  EXPECT_EQ(counters().silent_sessions, 1U);
  EXPECT_EQ(stream.Finish().code(), absl::StatusCode::kUnavailable);
}

TEST_F(StreamClientsTest, AnAnonymousClientMayBeSilent) {
  Start();
  RawStream stream(address());
  ASSERT_TRUE(stream.Write(Messages(1, 1)));
  EXPECT_EQ(stream.ReadResults(1).size(), 1U);
  RawStream mute(address());
  ASSERT_TRUE(mute.AwaitInitialMetadata());
  Pass(kHeartbeat * 100);
  ASSERT_TRUE(stream.Write(Messages(2, 1)));
  EXPECT_EQ(stream.ReadResults(1).size(), 1U);
  ASSERT_TRUE(mute.Write(OpenRequest("late")));
  EXPECT_TRUE(mute.Read().has_value());
}

TEST_F(StreamClientsTest, AHalfOpenClientIsGivenUpAndMayComeBack) {
  Start();
  TcpRelay relay(address());
  RawStream stream(relay.address());
  stream.Open(OpenRequest("s", "gate"));
  ASSERT_TRUE(stream.Write(Messages(1, 3)));
  ASSERT_TRUE(gate_.Await(1));
  // The socket has vanished, and nobody has said so.
  relay.Silence();
  Pass(kHeartbeat * 4);
  EXPECT_EQ(counters().sessions_detached, 1);
  gate_.Open();
  RawStream again(address());
  const v1::Welcome welcome = again.Open(OpenRequest("s"));
  EXPECT_EQ(welcome.state(), v1::Welcome::STATE_RESUMED);
  EXPECT_EQ(welcome.accepted_through(), 3U);
  EXPECT_EQ(again.ReadResults(3).size(), 3U);
}

TEST_F(StreamClientsTest, ASlowConsumerIsDetachedAndLosesNothing) {
  // More than buffers on the way take.
  options_.streams.sessions.limits.max_result_bytes = 8 << 20;
  Start();
  RawStream stream(address());
  AskForMuch(&stream, "s");
  // As much as may wait for it, and five of the neighbour's. How much more
  // there is depends on how large batches are.
  ASSERT_TRUE(Eventually([&] { return counters().messages_ok >= 85; }));
  EXPECT_GE(PassUntilSlow(&stream), kHeartbeat * 3);
  ASSERT_TRUE(EventuallyDetached(1));
  server_->Tick();
  // What waits for it is bounded: --max_result_bytes, and a batch.
  EXPECT_GT(counters().detached_bytes, 8 << 20);
  EXPECT_LT(counters().detached_bytes, 12 << 20);
  EXPECT_EQ(counters().slow_consumers, 1U);
  // It wakes up, hears why, and comes back for the rest.
  const std::vector<uint64_t> received = stream.ReadToEnd();
  const absl::Status status = stream.Finish();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("read nothing for 1m"));
  RawStream again(address());
  v1::ProcessRequest open = OpenRequest("s");
  open.set_received_through(received.size());
  EXPECT_EQ(again.Open(open).state(), v1::Welcome::STATE_RESUMED);
  uint64_t last = received.size();
  while (last < 100) {
    const std::vector<v1::Result> results = again.ReadResults(1);
    ASSERT_FALSE(results.empty()) << again.Finish();
    for (const v1::Result& result : results) {
      ASSERT_EQ(result.sequence(), ++last);
    }
    ASSERT_TRUE(again.Acknowledge(last));
  }
}

TEST_F(StreamClientsTest, AHalfClosedClientThatDoesNotReadIsGivenUp) {
  Start();
  RawStream stream(address());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(stream.Write(Messages(1, 40, 25'000)));
  }
  stream.HalfClose();
  PassUntilSlow();
  EXPECT_EQ(stream.Finish().code(), absl::StatusCode::kUnavailable);
}

// Reading is the only brake of an anonymous stream.
TEST_F(StreamClientsTest, AnAnonymousClientThatDoesNotReadIsNotRead) {
  options_.streams.sessions.limits.max_outstanding_messages = 64;
  Start();
  RawStream stream(address());
  const auto request = [](uint64_t n) {
    v1::ProcessRequest message = Messages(n, 1, 50'000);
    return message;
  };
  // So much fits into buffers, and no more.
  uint64_t written = 0;
  int idle = 0;
  while (idle < 20) {
    if (stream.WriteIsDone()) {
      stream.BeginWrite(request(++written));
      idle = 0;
    } else {
      neighbour().Exchange();
      ++idle;
    }
    ASSERT_LT(written, 1000U) << "It reads and reads.";
  }
  Pass(kHeartbeat * 2);
  EXPECT_EQ(counters().slow_consumers, 0U);
  // Then it reads, and all goes on where it stood.
  uint64_t answered = 0;
  while (answered < 1000) {
    if (written < 1000 && stream.WriteIsDone()) {
      stream.BeginWrite(request(++written));
      continue;
    }
    const auto response = stream.Read();
    ASSERT_TRUE(response.has_value()) << stream.Finish();
    for (const v1::Result& result : response->results()) {
      EXPECT_EQ(result.sequence(), ++answered);
    }
  }
}

TEST_F(StreamClientsTest, AnAnonymousClientThatNeverReadsIsGivenUp) {
  Start();
  RawStream stream(address());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(stream.Write(Messages(1, 40, 25'000)));
  }
  PassUntilSlow();
  EXPECT_EQ(stream.Finish().code(), absl::StatusCode::kUnavailable);
}

TEST_F(StreamClientsTest, ACancelledSessionWorksOnAndMayBeResumed) {
  Start();
  RawStream stream(address());
  stream.Open(OpenRequest("s", "gate"));
  ASSERT_TRUE(stream.Write(Messages(1, 20)));
  ASSERT_TRUE(gate_.Await(1));
  stream.Cancel();
  EXPECT_EQ(stream.Finish().code(), absl::StatusCode::kCancelled);
  ASSERT_TRUE(EventuallyDetached(1));
  gate_.Open();
  ASSERT_TRUE(Eventually([&] { return counters().outstanding == 0; }));
  RawStream again(address());
  EXPECT_EQ(again.Open(OpenRequest("s")).accepted_through(), 20U);
  EXPECT_EQ(again.ReadResults(20).size(), 20U);
  for (uint64_t i = 1; i <= 20; ++i) EXPECT_EQ(seen_.of(PayloadOf(i)), 1);
}

TEST_F(StreamClientsTest, NobodyWorksForACancelledAnonymousStream) {
  options_.streams.default_handler = "gate";
  server_ = StartAnother();
  RawStream stream(address());
  ASSERT_TRUE(stream.Write(Messages(1, 1000)));
  ASSERT_TRUE(gate_.Await(1));
  stream.Cancel();
  EXPECT_EQ(stream.Finish().code(), absl::StatusCode::kCancelled);
  ASSERT_TRUE(Eventually([&] { return counters().streams == 0; }));
  EXPECT_EQ(counters().outstanding, 0);
  gate_.Open();
  // What was queued, and not the thousand.
  server_.reset();
  EXPECT_LT(gate_.arrived(), 100);
}

TEST_F(StreamClientsTest, AConnectionBrokenWhileResultsAreWritten) {
  Start();
  TcpRelay relay(address());
  for (int i = 0; i < 10; ++i) {
    RawStream stream(relay.address());
    AskForMuch(&stream, i % 2 == 0 ? "" : "s" + std::to_string(i));
    relay.Break();
    EXPECT_FALSE(stream.Finish().ok());
  }
}

}  // namespace
}  // namespace msgproc::processor
