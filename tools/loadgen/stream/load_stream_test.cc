#include "tools/loadgen/stream/load_stream.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

using client::StreamEvent;
using Sent = LoadStream::Sent;

// A stream whose server is the test. Sent messages wait here for Answer.
class FakeStream final : public client::MessageStream {
 public:
  absl::Status WaitUntilConnected(absl::Duration) override {
    return absl::OkStatus();
  }
  absl::StatusOr<uint64_t> Send(absl::string_view payload,
                                absl::Span<const wire::HeaderView>,
                                absl::Duration) override {
    MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    if (waiting_.size() >= window_) return absl::ResourceExhaustedError("full");
    waiting_.emplace_back(payload);
    return ++sequence_;
  }
  absl::StatusOr<SentBatch> TrySendBatch(
      absl::Span<const absl::string_view> payloads) override {
    SentBatch sent;
    for (const absl::string_view payload : payloads) {
      const auto sequence = Send(payload, {}, absl::ZeroDuration());
      if (!sequence.ok() && sent.count == 0) return sequence.status();
      if (!sequence.ok()) break;
      if (sent.count++ == 0) sent.first_sequence = *sequence;
    }
    return sent;
  }
  absl::Status Close(absl::Duration) override { return absl::OkStatus(); }
  void Cancel() override {}
  uint64_t outstanding() const override {
    MutexLock lock(&mutex_);
    return waiting_.size();
  }
  uint64_t next_sequence() const override {
    MutexLock lock(&mutex_);
    return sequence_ + 1;
  }

  // The oldest message that was not taken yet.
  std::pair<uint64_t, std::string> Take() {
    MutexLock lock(&mutex_);
    std::pair<uint64_t, std::string> oldest(sequence_ - waiting_.size() + 1,
                                            waiting_.front());
    waiting_.pop_front();
    return oldest;
  }
  void Refuse(absl::Status status) {
    MutexLock lock(&mutex_);
    status_ = std::move(status);
  }
  void set_window(size_t window) {
    MutexLock lock(&mutex_);
    window_ = window;
  }

 private:
  mutable Mutex mutex_;
  std::deque<std::string> waiting_ MSGPROC_GUARDED_BY(mutex_);
  uint64_t sequence_ MSGPROC_GUARDED_BY(mutex_) = 0;
  size_t window_ MSGPROC_GUARDED_BY(mutex_) = SIZE_MAX;
  absl::Status status_ MSGPROC_GUARDED_BY(mutex_);
};

class LoadStreamTest : public testing::Test {
 protected:
  void Build(Options options) {
    plan_ = *MakePlan(std::move(options));
    stream_ = std::make_unique<LoadStream>(
        RunContext{&plan_, &payloads_, &clock_}, 0);
    auto fake = std::make_unique<FakeStream>();
    fake_ = fake.get();
    for (int i = 0; i < earlier_; ++i) {
      EXPECT_TRUE(fake_->Send("earlier", {}, absl::ZeroDuration()).ok());
    }
    stream_->Attach(std::move(fake));
    stream_->OnEvent({.kind = StreamEvent::Kind::kConnected,
                      .server_id = "s",
                      .address = "host:1"});
  }
  void Begin(uint64_t quota, bool closed_loop = true) {
    stream_->BeginPhase(quota, closed_loop, &gate_, &recorder_);
  }
  // The server answers the oldest message, rightly.
  void Answer() {
    const auto [sequence, payload] = fake_->Take();
    stream_->OnResults({{.sequence = sequence, .payload = payload}});
  }
  // The same with the oldest ones together.
  void AnswerTogether(size_t count) {
    std::vector<std::pair<uint64_t, std::string>> taken;
    std::vector<client::Result> results;
    for (size_t i = 0; i < count; ++i) taken.push_back(fake_->Take());
    for (const auto& [sequence, payload] : taken) {
      results.push_back({.sequence = sequence, .payload = payload});
    }
    stream_->OnResults(results);
  }
  bool Finished() { return gate_.WaitUntilFinished(absl::ZeroDuration()); }
  static Options Window(uint64_t window, uint64_t n) {
    Options options;
    options.max_outstanding = window;
    options.n = n;
    return options;
  }

  const NanoClock clock_{false};
  const Payloads payloads_{1, 64};
  PhaseGate gate_{1, INT64_MAX};
  LatencyRecorder recorder_{clock_.Now()};
  Plan plan_;
  int earlier_ = 0;  // Messages that an outbox has.
  std::unique_ptr<LoadStream> stream_;
  FakeStream* fake_ = nullptr;
};

TEST_F(LoadStreamTest, AClosedLoopFillsTheWindowAndSendsOneForEachResult) {
  Build(Window(4, 10));
  Begin(10);
  stream_->StartClosedLoop();
  EXPECT_EQ(fake_->outstanding(), 4U);
  for (int i = 0; i < 6; ++i) {
    Answer();
    EXPECT_EQ(fake_->outstanding(), 4U);
  }
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(Finished());
    Answer();
  }
  EXPECT_TRUE(Finished());
  const Tally tally = stream_->TakeTally();
  EXPECT_EQ(tally.sent, 10U);
  EXPECT_EQ(tally.answered, 10U);
  EXPECT_TRUE(tally.clean());
  EXPECT_EQ(recorder_.count(), 10U);
  EXPECT_EQ(stream_->TakeEntries().servers.at("s").messages, 10U);
}

TEST_F(LoadStreamTest, ResultsThatComeTogetherSendAsManyTogether) {
  Build(Window(300, 1000));
  Begin(1000);
  stream_->StartClosedLoop();
  EXPECT_EQ(fake_->outstanding(), 300U);
  for (int i = 0; i < 7; ++i) {
    AnswerTogether(100);
    EXPECT_EQ(fake_->outstanding(), 300U);
  }
  AnswerTogether(200);
  EXPECT_EQ(fake_->outstanding(), 100U);
  EXPECT_FALSE(Finished());
  AnswerTogether(100);
  EXPECT_TRUE(Finished());
  const Tally tally = stream_->TakeTally();
  EXPECT_EQ(tally.sent, 1000U);
  EXPECT_EQ(tally.answered, 1000U);
  EXPECT_TRUE(tally.clean()) << tally.first_wrong;
}

TEST_F(LoadStreamTest, ABatchThatIsTakenInPartIsMadeUpForLater) {
  Build(Window(8, 20));
  Begin(20);
  stream_->StartClosedLoop();
  fake_->set_window(6);
  AnswerTogether(4);
  EXPECT_EQ(fake_->outstanding(), 6U);
  fake_->set_window(SIZE_MAX);
  AnswerTogether(6);
  EXPECT_EQ(fake_->outstanding(), 8U);
  AnswerTogether(8);
  AnswerTogether(2);
  EXPECT_TRUE(Finished());
  EXPECT_TRUE(stream_->TakeTally().clean());
}

TEST_F(LoadStreamTest, AServersSmallerWindowIsMadeUpForLater) {
  Build(Window(8, 20));
  fake_->set_window(2);
  Begin(20);
  stream_->StartClosedLoop();
  EXPECT_EQ(fake_->outstanding(), 2U);
  fake_->set_window(SIZE_MAX);
  Answer();
  EXPECT_EQ(fake_->outstanding(), 8U);
}

TEST_F(LoadStreamTest, AClosedGateStopsSendingAndWaitsForWhatIsOut) {
  Build(Window(4, 100));
  Begin(100);
  stream_->StartClosedLoop();
  gate_.StopSending(clock_.Now());
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(Finished());
    Answer();
  }
  EXPECT_TRUE(Finished());
  EXPECT_EQ(stream_->TakeTally().sent, 4U);
}

TEST_F(LoadStreamTest, AQuotaOfNothingIsFinishedAtOnce) {
  Build(Window(4, 1));
  Begin(0);
  stream_->StartClosedLoop();
  EXPECT_TRUE(Finished());
}

TEST_F(LoadStreamTest, AStreamThatEndsFinishesWithItsMessagesLost) {
  Build(Window(4, 100));
  Begin(100);
  stream_->StartClosedLoop();
  Answer();
  stream_->OnEvent({.kind = StreamEvent::Kind::kClosed,
                    .status = absl::UnavailableError("no server")});
  EXPECT_TRUE(Finished());
  EXPECT_EQ(stream_->TakeTally().lost(), 4U);
  EXPECT_EQ(stream_->failure().code(), absl::StatusCode::kUnavailable);
}

TEST_F(LoadStreamTest, ARefusedMessageEndsSendingAndIsReported) {
  Build(Window(4, 100));
  Begin(100);
  fake_->Refuse(absl::InvalidArgumentError("over max_payload_bytes"));
  stream_->StartClosedLoop();
  EXPECT_TRUE(Finished());
  EXPECT_EQ(stream_->TakeTally().sent, 0U);
  EXPECT_EQ(stream_->failure().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(LoadStreamTest, PhasesAreBookedApart) {
  Build(Window(4, 10));
  Begin(3);
  stream_->StartClosedLoop();
  for (int i = 0; i < 3; ++i) Answer();
  EXPECT_EQ(stream_->TakeTally().answered, 3U);
  PhaseGate second(1, INT64_MAX);
  stream_->BeginPhase(5, true, &second, &recorder_);
  stream_->StartClosedLoop();
  for (int i = 0; i < 5; ++i) Answer();
  EXPECT_TRUE(second.WaitUntilFinished(absl::ZeroDuration()));
  const Tally tally = stream_->TakeTally();
  EXPECT_EQ(tally.sent, 5U);
  EXPECT_EQ(tally.answered, 5U);
}

TEST_F(LoadStreamTest, PacedLatencyCountsFromTheIntendedTime) {
  Build(Window(4, 10));
  Begin(10, /*closed_loop=*/false);
  const int64_t long_ago = clock_.Now() - 1'000'000'000;
  EXPECT_EQ(stream_->SendPaced(long_ago), Sent::kYes);
  Answer();
  stream_->StopSending();
  EXPECT_TRUE(Finished());
  stream_->TakeTally();
  EXPECT_GE(recorder_.Total().min(), 1'000'000'000);
}

TEST_F(LoadStreamTest, APacedStreamIsFullAtItsWindowAndDoneAtItsQuota) {
  Build(Window(2, 3));
  Begin(3, /*closed_loop=*/false);
  EXPECT_EQ(stream_->SendPaced(1), Sent::kYes);
  EXPECT_EQ(stream_->SendPaced(2), Sent::kYes);
  EXPECT_EQ(stream_->SendPaced(3), Sent::kFull);
  EXPECT_FALSE(stream_->Ready());
  Answer();
  EXPECT_TRUE(stream_->Ready());
  EXPECT_EQ(stream_->SendPaced(3), Sent::kYes);
  EXPECT_EQ(stream_->SendPaced(4), Sent::kDone);
  Answer();
  Answer();
  EXPECT_TRUE(Finished());
}

TEST_F(LoadStreamTest, AFullStreamThatEndsIsReadyToSaySo) {
  Build(Window(1, 3));
  Begin(3, /*closed_loop=*/false);
  EXPECT_EQ(stream_->SendPaced(1), Sent::kYes);
  EXPECT_FALSE(stream_->Ready());
  stream_->OnEvent({.kind = StreamEvent::Kind::kClosed,
                    .status = absl::UnavailableError("no server")});
  EXPECT_TRUE(stream_->Ready());
  EXPECT_EQ(stream_->SendPaced(2), Sent::kDone);
}

TEST_F(LoadStreamTest, AFeedWaitsForRoomAndGoesOn) {
  Options options = Window(4, 1000);
  options.input = "-";
  Build(std::move(options));
  Begin(1000, /*closed_loop=*/false);
  std::thread feed([this] {
    for (int i = 0; i < 1000; ++i) {
      EXPECT_EQ(stream_->SendLine(std::to_string(i), clock_.Now()), Sent::kYes);
    }
    stream_->StopSending();
  });
  for (int answered = 0; answered < 1000;) {
    if (fake_->outstanding() == 0) continue;
    EXPECT_LE(fake_->outstanding(), 4U);
    Answer();
    ++answered;
  }
  feed.join();
  stream_->CheckFinished();
  EXPECT_TRUE(Finished());
  EXPECT_TRUE(stream_->TakeTally().clean());
}

TEST_F(LoadStreamTest, AClosedGateEndsAFeedsWait) {
  Options options = Window(1, 10);
  options.input = "-";
  Build(std::move(options));
  Begin(10, /*closed_loop=*/false);
  EXPECT_EQ(stream_->SendLine("a", clock_.Now()), Sent::kYes);
  std::thread stopper([this] { gate_.StopSending(clock_.Now()); });
  EXPECT_EQ(stream_->SendLine("b", clock_.Now()), Sent::kDone);
  stopper.join();
}

TEST_F(LoadStreamTest, AStarterAndCallbacksShareTheSendingWithoutARace) {
  Build(Window(64, 20'000));
  Begin(20'000);
  std::thread server([this] {
    for (int answered = 0; answered < 20'000;) {
      if (fake_->outstanding() == 0) continue;
      Answer();
      ++answered;
    }
  });
  stream_->StartClosedLoop();
  server.join();
  EXPECT_TRUE(Finished());
  const Tally tally = stream_->TakeTally();
  EXPECT_EQ(tally.answered, 20'000U);
  EXPECT_TRUE(tally.clean()) << tally.first_wrong;
}

TEST_F(LoadStreamTest, WhatEarlierRunsAreOwedIsWaitedFor) {
  Options options = Window(8, 20);
  options.input = "lines";
  earlier_ = 3;
  Build(options);
  EXPECT_EQ(stream_->sent_earlier(), 3U);
  EXPECT_EQ(stream_->outstanding(), 3U);
  // One comes before the phase begins.
  Answer();
  Begin(20, /*closed_loop=*/false);
  EXPECT_EQ(stream_->SendLine("a line", 0), Sent::kYes);
  stream_->StopSending();
  EXPECT_FALSE(Finished());
  Answer();
  Answer();
  EXPECT_FALSE(Finished());
  Answer();
  EXPECT_TRUE(Finished());
  const Tally tally = stream_->TakeTally();
  EXPECT_EQ(tally.sent, 4U);
  EXPECT_EQ(tally.answered, 4U);
  EXPECT_TRUE(tally.clean()) << tally.first_wrong;
  // Of the others it is not known how long they took.
  EXPECT_EQ(recorder_.count(), 1U);
}

}  // namespace
}  // namespace msgproc::loadgen
