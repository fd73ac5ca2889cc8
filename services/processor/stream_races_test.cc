// Ends that come at the worst moment: nothing is left behind, nothing crashes.
// Run under the sanitizers for its full worth.
#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "services/processor/testing/processor_fixture.h"

namespace msgproc::processor {
namespace {

class StreamRacesTest : public ProcessorFixture {
 protected:
  // A first request, whose handler waits on the thread that read it.
  static v1::ProcessRequest FirstRequest(bool opened) {
    v1::ProcessRequest request;
    if (opened) request = OpenRequest("s", "inlinegate");
    request.MergeFrom(Messages(1, 1));
    return request;
  }
};

TEST_F(StreamRacesTest, AStreamCancelledWhileItsFirstRequestIsProcessed) {
  options_.streams.default_handler = "inlinegate";
  for (const bool opened : {true, false}) {
    server_ = StartAnother();
    RawStream stream(address());
    ASSERT_TRUE(stream.Write(FirstRequest(opened)));
    ASSERT_TRUE(gate_.Await(opened ? 1 : 2));
    stream.Cancel();
    ASSERT_TRUE(Eventually([&] { return StreamsEnded() == 1; }));
    gate_.Open();
    ASSERT_TRUE(Eventually([&] { return counters().streams == 0; }));
    EXPECT_EQ(counters().sessions_attached, 0);
    EXPECT_EQ(counters().sessions_detached, opened ? 1 : 0);
    EXPECT_TRUE(Eventually([&] { return counters().outstanding == 0; }));
    server_.reset();
  }
}

TEST_F(StreamRacesTest, AStreamTakenOverWhileItsFirstRequestIsProcessed) {
  server_ = StartAnother();
  RawStream older(address());
  ASSERT_TRUE(older.Write(FirstRequest(true)));
  ASSERT_TRUE(gate_.Await(1));
  RawStream newer(address());
  EXPECT_EQ(newer.Open(OpenRequest("s")).accepted_through(), 1U);
  gate_.Open();
  EXPECT_EQ(newer.ReadResults(1).size(), 1U);
  EXPECT_EQ(older.Finish().code(), absl::StatusCode::kAborted);
  newer.HalfClose();
  EXPECT_EQ(newer.Finish(), absl::OkStatus());
}

TEST_F(StreamRacesTest, AServerEndedWhileAFirstRequestIsProcessed) {
  server_ = StartAnother();
  RawStream stream(address());
  ASSERT_TRUE(stream.Write(FirstRequest(true)));
  ASSERT_TRUE(gate_.Await(1));
  std::thread opener([&] {
    // The server waits for the handler; its stream does not.
    EXPECT_EQ(stream.Finish().code(), absl::StatusCode::kUnavailable);
    gate_.Open();
  });
  server_.reset();
  opener.join();
}

TEST_F(StreamRacesTest, AServerEndedWithWorkInThePool) {
  for (int round = 0; round < 5; ++round) {
    server_ = StartAnother();
    std::vector<std::unique_ptr<RawStream>> streams;
    for (int i = 0; i < 10; ++i) {
      streams.push_back(std::make_unique<RawStream>(address()));
      v1::ProcessRequest request;
      if (i % 2 == 0) request = OpenRequest("s" + std::to_string(i), "jitter");
      ASSERT_TRUE(streams.back()->Write(request));
      ASSERT_TRUE(streams.back()->Write(Messages(1, 500)));
      // Some are detached with their work under way.
      if (i % 5 == 4) streams.pop_back();
    }
    server_.reset();
    for (const auto& stream : streams) {
      EXPECT_EQ(stream->Finish().code(), absl::StatusCode::kUnavailable);
    }
  }
}

// Streams that open, resume, take over, read, half-close, cancel and vanish, a
// few sessions between many hands, small windows.
TEST_F(StreamRacesTest, AStormLeavesNothingBehind) {
  constexpr int kThreads = 3;
  options_.streams.sessions.limits.max_outstanding_messages = 64;
  options_.streams.sessions.limits.max_result_bytes = 2000;
  options_.streams.default_handler = "jitter";
  Start();
  const auto channel = NewChannel(address());
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&channel, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int i = 0; i < 60; ++i) {
        RawStream stream(channel);
        const char* handlers[] = {"echo", "pool", "jitter"};
        if (random() % 4 != 0) {
          stream.Write(OpenRequest("storm" + std::to_string(random() % 3),
                                   handlers[random() % 3]));
          if (random() % 2 == 0) stream.Read();
        }
        const uint64_t accepted =
            stream.welcome() ? stream.welcome()->accepted_through() : 0;
        const uint64_t messages = random() % 40;
        stream.Write(Messages(accepted + 1, messages, random() % 200));
        // Something follows a heartbeat, if not its results.
        if (random() % 2 == 0 && stream.Write({})) stream.Read();
        if (random() % 3 == 0) stream.Write(Messages(1, 30));
        if (random() % 3 == 0) stream.HalfClose();
        if (random() % 3 == 0) stream.Cancel();
        // Otherwise it is cancelled by going out of scope.
        if (random() % 3 == 0) stream.Write({});
      }
    });
  }
  std::atomic<bool> done{false};
  std::thread ticker([&] {
    while (!done) server_->Tick();
  });
  for (std::thread& thread : threads) thread.join();
  done = true;
  ticker.join();
}

}  // namespace
}  // namespace msgproc::processor
