// Streams under load, from many threads, while the server cuts, drains and
// forgets: exactly one result for each message, in order, and no rule broken.
// The place where a race would be seen.
#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/message_stream.h"
#include "client/testing/strict_server.h"
#include "gtest/gtest.h"

namespace msgproc::client {
namespace {

constexpr StrictProcessor::Limits kLimits = {.batch_messages = 64,
                                             .outstanding_messages = 100};

// A stream that counts its results.
struct Counted {
  explicit Counted(MessageStreamOptions options) {
    options.initial_backoff = absl::Milliseconds(1);
    options.max_backoff = absl::Milliseconds(5);
    options.on_result = [this](const Result& result) {
      if (result.sequence != ++received) wrong = true;
      if (resend && sends->TrySend("again").ok()) ++sent;
    };
    options.on_event = [this](const StreamEvent& event) {
      if (closed) wrong = true;
      if (event.kind == StreamEvent::Kind::kClosed) closed = true;
      if (event.kind == StreamEvent::Kind::kDisconnected) ++breaks;
    };
    stream = *MessageStream::Open(std::move(options));
    sends = stream.get();
  }

  std::atomic<bool> resend{false};
  std::atomic<uint64_t> sent{0};
  std::atomic<uint64_t> received{0};
  std::atomic<uint64_t> breaks{0};
  std::atomic<bool> wrong{false};
  bool closed = false;
  // For callbacks: `stream` is null before its destructor has ended.
  MessageStream* sends = nullptr;
  std::unique_ptr<MessageStream> stream;
};

TEST(MessageStreamStressTest, EveryMessageOnceInOrderWhateverHappens) {
  StrictServer server(kLimits, {.cuts = 20, .drains = 10, .restarts = 5}, 1);
  constexpr int kStreams = 4;
  constexpr int kThreads = 2;
  constexpr int kEach = 2000;
  std::vector<std::unique_ptr<Counted>> streams;
  std::vector<std::thread> threads;
  for (int i = 0; i < kStreams; ++i) {
    MessageStreamOptions options;
    options.target = server.address();
    options.connection_key = i % 2 == 0 ? -1 : 1;
    Counted* counted =
        streams.emplace_back(std::make_unique<Counted>(options)).get();
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([counted] {
        for (int m = 0; m < kEach; ++m) {
          if (counted->stream->Send(absl::StrCat("message ", m)).ok()) {
            ++counted->sent;
          }
        }
      });
    }
  }
  for (std::thread& thread : threads) thread.join();
  server.Calm();
  uint64_t breaks = 0;
  for (const auto& counted : streams) {
    EXPECT_EQ(counted->stream->Close(), absl::OkStatus());
    EXPECT_EQ(counted->sent, kThreads * kEach);
    EXPECT_EQ(counted->received, counted->sent);
    EXPECT_FALSE(counted->wrong);
    EXPECT_TRUE(counted->closed);
    breaks += counted->breaks;
  }
  EXPECT_GT(breaks, 0U);
  EXPECT_EQ(server.violation(), absl::OkStatus());
}

TEST(MessageStreamStressTest, CallbacksThatSendKeepTheWindowFull) {
  StrictServer server(kLimits, {.cuts = 10, .drains = 5, .restarts = 5}, 2);
  MessageStreamOptions options;
  options.target = server.address();
  Counted counted(options);
  ASSERT_TRUE(counted.stream->WaitUntilConnected(absl::Seconds(30)).ok());
  counted.resend = true;
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(counted.stream->Send("first").ok());
    ++counted.sent;
  }
  while (counted.received < 10'000) std::this_thread::yield();
  counted.resend = false;
  server.Calm();
  EXPECT_EQ(counted.stream->Close(), absl::OkStatus());
  EXPECT_EQ(counted.received, counted.sent);
  EXPECT_FALSE(counted.wrong);
  EXPECT_EQ(server.violation(), absl::OkStatus());
}

TEST(MessageStreamStressTest, DestructionAtAnyMoment) {
  StrictServer server(kLimits, {.cuts = 100, .drains = 100, .restarts = 50}, 3);
  std::mt19937_64 random(4);
  for (int i = 0; i < 200; ++i) {
    MessageStreamOptions options;
    options.target = i % 10 == 0 ? "127.0.0.1:1" : server.address();
    options.connection_key = i % 3 == 0 ? 1 : -1;
    Counted counted(options);
    counted.resend = true;
    for (uint64_t n = random() % 30; n > 0; --n) {
      if (counted.stream->TrySend("x").ok()) ++counted.sent;
    }
    if (random() % 2 == 0) {
      const uint64_t enough = random() % 100;
      for (int spin = 0; spin < 1000 && counted.received < enough; ++spin) {
        std::this_thread::yield();
      }
    }
    switch (random() % 4) {
      case 0:
        counted.stream->Cancel();
        break;
      case 1:
        static_cast<void>(counted.stream->Close(absl::Milliseconds(1)));
        break;
      default:
        break;
    }
    counted.stream.reset();
    EXPECT_TRUE(counted.closed);
    EXPECT_FALSE(counted.wrong);
  }
  EXPECT_EQ(server.violation(), absl::OkStatus());
}

}  // namespace
}  // namespace msgproc::client
