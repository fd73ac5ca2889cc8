#ifndef MSGPROC_CLIENT_TESTING_MESSAGE_STREAM_FIXTURE_H_
#define MSGPROC_CLIENT_TESTING_MESSAGE_STREAM_FIXTURE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "client/message_stream.h"
#include "client/testing/scripted_server.h"
#include "common/mutex.h"
#include "gtest/gtest.h"
#include "msgproc/v1/processor.pb.h"

namespace msgproc::client {

// Longer than anything takes on a loaded machine under a sanitizer.
inline constexpr absl::Duration kPatience = absl::Seconds(30);

inline v1::ProcessResponse Welcome(
    v1::Welcome::State state, uint64_t accepted_through = 0,
    absl::Duration heartbeat = absl::Seconds(10)) {
  v1::ProcessResponse response;
  v1::Welcome* welcome = response.mutable_welcome();
  welcome->set_server_id("scripted");
  welcome->set_state(state);
  welcome->set_accepted_through(accepted_through);
  welcome->set_max_batch_messages(100);
  welcome->set_max_payload_bytes(1 << 20);
  welcome->set_max_outstanding_messages(200);
  welcome->set_max_outstanding_bytes(16 << 20);
  welcome->mutable_heartbeat_interval()->set_seconds(
      absl::ToInt64Seconds(heartbeat));
  welcome->mutable_heartbeat_interval()->set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(heartbeat % absl::Seconds(1))));
  return response;
}

inline v1::ProcessResponse Results(uint64_t first, uint64_t last) {
  v1::ProcessResponse response;
  for (uint64_t i = first; i <= last; ++i) {
    response.add_results()->set_sequence(i);
  }
  return response;
}

inline std::vector<uint64_t> Sequences(const v1::ProcessRequest& request) {
  std::vector<uint64_t> sequences;
  for (const v1::Message& message : request.messages()) {
    sequences.push_back(message.sequence());
  }
  return sequences;
}

inline std::vector<uint64_t> From(uint64_t first, uint64_t last) {
  std::vector<uint64_t> sequences;
  for (uint64_t i = first; i <= last; ++i) sequences.push_back(i);
  return sequences;
}

// A stream, the server that the test speaks for, and what the stream said.
class MessageStreamFixture : public testing::Test {
 protected:
  using Kind = StreamEvent::Kind;
  using State = StreamEvent::State;

  MessageStreamOptions Options() {
    MessageStreamOptions options;
    options.target = server_.address();
    options.initial_backoff = absl::Milliseconds(1);
    options.max_backoff = absl::Milliseconds(20);
    options.on_result = [this](const Result& result) {
      {
        MutexLock lock(&mutex_);
        results_.push_back(result.sequence);
        changed_.SignalAll();
      }
      if (on_result_) on_result_(result);
    };
    options.on_event = [this](const StreamEvent& event) {
      {
        MutexLock lock(&mutex_);
        events_.push_back(event);
        changed_.SignalAll();
      }
      if (on_event_) on_event_(event);
    };
    return options;
  }

  void Open(MessageStreamOptions options) {
    auto stream = MessageStream::Open(std::move(options));
    ASSERT_TRUE(stream.ok()) << stream.status();
    stream_ = *std::move(stream);
  }

  // Opens, and answers with STATE_NEW.
  void Connect(MessageStreamOptions options,
               absl::Duration heartbeat = absl::Seconds(10)) {
    Open(std::move(options));
    call_ = server_.Accept();
    ASSERT_NE(call_, nullptr);
    ASSERT_TRUE(call_->Read(&request_));
    ASSERT_TRUE(request_.has_open());
    call_->Write(Welcome(v1::Welcome::STATE_NEW, 0, heartbeat));
    ASSERT_TRUE(stream_->WaitUntilConnected(kPatience).ok());
  }
  void Connect() { Connect(Options()); }

  // The next stream of the client's, and its Open in `request_`.
  void Reconnect() {
    call_ = server_.Accept();
    ASSERT_NE(call_, nullptr);
    ASSERT_TRUE(call_->Read(&request_));
    ASSERT_TRUE(request_.has_open());
  }

  void Send(int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(stream_->Send("payload", {}, kPatience).ok());
    }
  }

  // Closes, with the server answering as it should.
  void CloseWell() {
    ASSERT_EQ(stream_->Close(absl::ZeroDuration()).code(),
              absl::StatusCode::kDeadlineExceeded);
    call_->ReadAll();
    call_->Finish(absl::OkStatus());
    EXPECT_EQ(stream_->Close(kPatience), absl::OkStatus());
  }

  bool Await(const std::function<bool()>& condition) {
    MutexLock lock(&mutex_);
    while (!condition()) {
      if (!changed_.WaitFor(&mutex_, kPatience)) return false;
    }
    return true;
  }
  ::testing::AssertionResult ReceivedThrough(uint64_t sequence) {
    if (!Await([&] { return results_.size() >= sequence; })) {
      return ::testing::AssertionFailure() << "results are missing";
    }
    MutexLock lock(&mutex_);
    if (results_ == From(1, sequence)) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << "not 1 to " << sequence << ": "
                                         << testing::PrintToString(results_);
  }
  // Waits for the n-th event (from 0).
  StreamEvent Event(size_t n) {
    if (!Await([&] { return events_.size() > n; })) {
      ADD_FAILURE() << "there is no event " << n;
      return {};
    }
    MutexLock lock(&mutex_);
    return events_[n];
  }
  std::vector<Kind> Events() {
    MutexLock lock(&mutex_);
    std::vector<Kind> kinds;
    for (const StreamEvent& event : events_) kinds.push_back(event.kind);
    return kinds;
  }

  Mutex mutex_;
  CondVar changed_;
  std::vector<uint64_t> results_;    // Guarded by mutex_.
  std::vector<StreamEvent> events_;  // Guarded by mutex_.
  // Set before the stream is opened.
  std::function<void(const Result&)> on_result_;
  std::function<void(const StreamEvent&)> on_event_;

  ScriptedServer server_;
  std::shared_ptr<ScriptedStream> call_;
  v1::ProcessRequest request_;
  std::unique_ptr<MessageStream> stream_;  // Last: calls back until it is gone.
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_TESTING_MESSAGE_STREAM_FIXTURE_H_
