#include "client/message_stream.h"

#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "client/testing/message_stream_fixture.h"
#include "gtest/gtest.h"

namespace msgproc::client {
namespace {

class MessageStreamTest : public MessageStreamFixture {};

absl::StatusCode OpenCode(MessageStreamOptions options) {
  return MessageStream::Open(std::move(options)).status().code();
}

TEST_F(MessageStreamTest, RefusesOptionsThatCannotWork) {
  MessageStreamOptions options = Options();
  options.target.clear();
  EXPECT_EQ(OpenCode(options), absl::StatusCode::kInvalidArgument);
  options = Options();
  options.balancers = {"127.0.0.1:1"};
  EXPECT_EQ(OpenCode(options), absl::StatusCode::kInvalidArgument);
  options = Options();
  options.session_token = "too short";
  EXPECT_EQ(OpenCode(options), absl::StatusCode::kInvalidArgument);
  options = Options();
  options.session_id = std::string(129, 'x');
  EXPECT_EQ(OpenCode(options), absl::StatusCode::kInvalidArgument);
  options = Options();
  options.client_name = std::string(257, 'x');
  EXPECT_EQ(OpenCode(options), absl::StatusCode::kInvalidArgument);
  options = Options();
  options.on_result = nullptr;
  EXPECT_EQ(OpenCode(options), absl::StatusCode::kInvalidArgument);
  options = Options();
  options.on_results = [](absl::Span<const Result>) {};
  EXPECT_EQ(OpenCode(options), absl::StatusCode::kInvalidArgument);
}

TEST_F(MessageStreamTest, OpensTheSessionThatItsOptionsSay) {
  MessageStreamOptions options = Options();
  options.session_id = "the session";
  options.session_token = "the token of the session";
  options.client_name = "a test";
  options.handler = "echo";
  Open(options);
  Reconnect();
  EXPECT_EQ(request_.open().session_id(), "the session");
  EXPECT_EQ(request_.open().session_token(), "the token of the session");
  EXPECT_EQ(request_.open().client_name(), "a test");
  EXPECT_EQ(request_.open().handler(), "echo");
}

TEST_F(MessageStreamTest, ChoosesASessionOfItsOwn) {
  Open(Options());
  Reconnect();
  const v1::Open first = request_.open();
  EXPECT_FALSE(first.session_id().empty());
  EXPECT_GE(first.session_token().size(), 16U);
  Open(Options());
  Reconnect();
  EXPECT_NE(first.session_id(), request_.open().session_id());
  EXPECT_NE(first.session_token(), request_.open().session_token());
}

TEST_F(MessageStreamTest, AMessageGetsItsResult) {
  Connect();
  EXPECT_EQ(*stream_->Send("hello"), 1U);
  EXPECT_EQ(stream_->outstanding(), 1U);
  const v1::ProcessRequest request = call_->ReadMessages(1);
  EXPECT_EQ(request.messages(0).payload(), "hello");
  call_->Write(Results(1, 1));
  EXPECT_TRUE(ReceivedThrough(1));
  EXPECT_EQ(stream_->Close(absl::ZeroDuration()).code(),
            absl::StatusCode::kDeadlineExceeded);
  const std::vector<v1::ProcessRequest> rest = call_->ReadAll();
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].received_through(), 1U);
  call_->Finish(absl::OkStatus());
  EXPECT_EQ(stream_->Close(), absl::OkStatus());
  EXPECT_EQ(stream_->outstanding(), 0U);
  EXPECT_EQ(Events(), (std::vector<Kind>{Kind::kConnected, Kind::kClosed}));
  EXPECT_EQ(Event(0).server_id, "scripted");
  EXPECT_EQ(Event(0).address, server_.address());
  EXPECT_EQ(Event(0).state, State::kNew);
  EXPECT_EQ(Event(1).status, absl::OkStatus());
}

TEST_F(MessageStreamTest, HeadersTravelBothWays) {
  std::vector<std::pair<std::string, std::string>> headers;
  on_result_ = [&](const Result& result) {
    for (const wire::HeaderView& header : result.headers) {
      headers.emplace_back(header.key, header.value);
    }
  };
  Connect();
  const std::vector<wire::HeaderView> sent = {{"a", "1"}, {"a", "2"}};
  ASSERT_TRUE(stream_->Send("", sent).ok());
  const v1::ProcessRequest request = call_->ReadMessages(1);
  ASSERT_EQ(request.messages(0).headers_size(), 2);
  EXPECT_EQ(request.messages(0).headers(1).value(), "2");
  v1::ProcessResponse response = Results(1, 1);
  v1::Header* header = response.mutable_results(0)->add_headers();
  header->set_key("key");
  header->set_value("value");
  call_->Write(response);
  ASSERT_TRUE(ReceivedThrough(1));
  CloseWell();
  ASSERT_EQ(headers.size(), 1U);
  EXPECT_EQ(headers[0].first, "key");
  EXPECT_EQ(headers[0].second, "value");
}

TEST_F(MessageStreamTest, AFailureIsTheResultOfItsMessageOnly) {
  std::vector<absl::StatusCode> codes;
  on_result_ = [&](const Result& result) {
    codes.push_back(result.code);
    if (result.code == absl::StatusCode::kOk) return;
    EXPECT_EQ(result.error, "too large");
    EXPECT_TRUE(result.retryable);
  };
  Connect();
  Send(2);
  call_->ReadMessages(2);
  v1::ProcessResponse response = Results(1, 2);
  v1::Error* error = response.mutable_results(0)->mutable_error();
  error->set_code(static_cast<int>(absl::StatusCode::kOutOfRange));
  error->set_message("too large");
  error->set_retryable(true);
  call_->Write(response);
  ASSERT_TRUE(ReceivedThrough(2));
  CloseWell();
  EXPECT_EQ(codes, (std::vector<absl::StatusCode>{absl::StatusCode::kOutOfRange,
                                                  absl::StatusCode::kOk}));
}

TEST_F(MessageStreamTest, WhatIsSentBeforeWelcomeGoesAlongWithOpenOrAfterIt) {
  Open(Options());
  Send(64);
  EXPECT_EQ(stream_->TrySend("").status().code(),
            absl::StatusCode::kResourceExhausted);
  call_ = server_.Accept();
  ASSERT_TRUE(call_->Read(&request_));
  const int along = request_.messages_size();
  call_->Write(Welcome(v1::Welcome::STATE_NEW, along));
  if (along < 64) call_->ReadMessages(64 - along);
  call_->Write(Results(1, 64));
  EXPECT_TRUE(ReceivedThrough(64));
}

TEST_F(MessageStreamTest, APayloadOverTheServersLimitIsRefused) {
  Connect();
  const std::string large((1 << 20) + 1, 'x');
  EXPECT_EQ(stream_->Send(large).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(stream_->Send(large.substr(1)).ok());
}

TEST_F(MessageStreamTest, HeadersOverTheLimitsAreRefusedAndTheStreamLivesOn) {
  Connect();
  const std::string large(64 << 10, 'v');
  const auto send = [this](const std::vector<wire::HeaderView>& headers) {
    return stream_->TrySend("payload", headers).status().code();
  };
  EXPECT_EQ(send({{.key = "k", .value = large}}),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(send(std::vector<wire::HeaderView>(129)),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(send({{.key = "\xff\xfe", .value = "v"}}),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(send({{.key = "", .value = large}}), absl::StatusCode::kOk);
  EXPECT_EQ(send(std::vector<wire::HeaderView>(128)), absl::StatusCode::kOk);
  EXPECT_EQ(Sequences(call_->ReadMessages(2)), From(1, 2));
}

TEST_F(MessageStreamTest, SendBlocksWhileTheWindowIsFull) {
  MessageStreamOptions options = Options();
  options.max_outstanding_messages = 2;
  Connect(options);
  Send(2);
  EXPECT_EQ(stream_->TrySend("").status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(stream_->Send("", {}, absl::Milliseconds(1)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  std::thread sender(
      [this] { EXPECT_EQ(*stream_->Send("", {}, kPatience), 3U); });
  call_->ReadMessages(2);
  call_->Write(Results(1, 1));
  call_->ReadMessages(1);
  sender.join();
}

TEST_F(MessageStreamTest, ManyThreadsMaySend) {
  Connect();
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([this] { Send(kEach); });
  }
  for (int read = 0; read < kThreads * kEach;) {
    ASSERT_TRUE(call_->Read(&request_));
    if (request_.messages_size() == 0) continue;
    read += request_.messages_size();
    call_->Write(Results(request_.messages(0).sequence(), read));
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(ReceivedThrough(kThreads * kEach));
  CloseWell();
}

TEST_F(MessageStreamTest, WhatACallbackSendsLeavesTogether) {
  on_result_ = [this](const Result& result) {
    if (result.sequence <= 3) {
      EXPECT_TRUE(stream_->Send("again").ok());
      EXPECT_TRUE(stream_->Send("and again").ok());
    }
  };
  Connect();
  Send(3);
  call_->ReadMessages(3);
  call_->Write(Results(1, 3));
  ASSERT_TRUE(call_->Read(&request_));
  EXPECT_EQ(Sequences(request_), From(4, 9));
  EXPECT_EQ(request_.received_through(), 3U);
  call_->Write(Results(4, 9));
  EXPECT_TRUE(ReceivedThrough(9));
  CloseWell();
}

TEST_F(MessageStreamTest, ABatchLeavesTogether) {
  Connect();
  Send(1);
  const std::vector<absl::string_view> payloads = {"a", "b", "c"};
  const auto sent = stream_->TrySendBatch(payloads);
  ASSERT_TRUE(sent.ok()) << sent.status();
  EXPECT_EQ(sent->first_sequence, 2U);
  EXPECT_EQ(sent->count, 3U);
  call_->ReadMessages(4);
  call_->Write(Results(1, 4));
  EXPECT_TRUE(ReceivedThrough(4));
  EXPECT_EQ(stream_->TrySendBatch({})->count, 0U);
  CloseWell();
}

TEST_F(MessageStreamTest, ABatchIsTakenAsFarAsThereIsRoom) {
  MessageStreamOptions options = Options();
  options.max_outstanding_messages = 3;
  Connect(options);
  const std::vector<absl::string_view> payloads(2, "payload");
  EXPECT_EQ(stream_->TrySendBatch(payloads)->count, 2U);
  EXPECT_EQ(stream_->TrySendBatch(payloads)->count, 1U);
  EXPECT_EQ(stream_->TrySendBatch(payloads).status().code(),
            absl::StatusCode::kResourceExhausted);
  call_->ReadMessages(3);
  call_->Write(Results(1, 3));
  EXPECT_TRUE(ReceivedThrough(3));
  CloseWell();
  EXPECT_EQ(stream_->TrySendBatch(payloads).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(MessageStreamTest, ABatchEndsInFrontOfAPayloadThatIsTooLarge) {
  Connect();
  const std::string large((1 << 20) + 1, 'x');
  const std::vector<absl::string_view> payloads = {"a", large, "c"};
  EXPECT_EQ(stream_->TrySendBatch(payloads)->count, 1U);
  const auto rest = absl::MakeConstSpan(payloads).subspan(1);
  EXPECT_EQ(stream_->TrySendBatch(rest).status().code(),
            absl::StatusCode::kInvalidArgument);
  call_->ReadMessages(1);
  call_->Write(Results(1, 1));
  CloseWell();
}

TEST_F(MessageStreamTest, ResultsThatCameTogetherAreGivenTogether) {
  constexpr size_t kMost = MessageStream::kMostResultsAtOnce;
  std::vector<size_t> sizes;
  std::vector<uint64_t> sequences;
  MessageStreamOptions options = Options();
  options.on_result = nullptr;
  options.on_results = [&](absl::Span<const Result> results) {
    MutexLock lock(&mutex_);
    sizes.push_back(results.size());
    for (const Result& result : results) {
      sequences.push_back(result.sequence);
      EXPECT_EQ(result.code, result.sequence == 2 ? absl::StatusCode::kAborted
                                                  : absl::StatusCode::kOk);
    }
    changed_.SignalAll();
  };
  Connect(options);
  Send(static_cast<int>(kMost) + 7);
  call_->ReadMessages(static_cast<int>(kMost) + 7);
  call_->Write(Results(1, 1));
  v1::ProcessResponse response = Results(2, kMost + 7);
  response.mutable_results(0)->mutable_error()->set_code(
      static_cast<int>(absl::StatusCode::kAborted));
  call_->Write(response);
  EXPECT_TRUE(Await([&] { return sequences.size() == kMost + 7; }));
  EXPECT_EQ(sequences, From(1, kMost + 7));
  EXPECT_EQ(sizes, (std::vector<size_t>{1, kMost, 6}));
  CloseWell();
}

TEST_F(MessageStreamTest, ABatchInsideACallbackLeavesWithIt) {
  MessageStreamOptions options = Options();
  options.on_result = nullptr;
  options.on_results = [this](absl::Span<const Result> results) {
    if (results.front().sequence > 1) return;
    const std::vector<absl::string_view> payloads(results.size(), "again");
    EXPECT_EQ(stream_->TrySendBatch(payloads)->count, results.size());
  };
  Connect(options);
  Send(3);
  call_->ReadMessages(3);
  call_->Write(Results(1, 3));
  ASSERT_TRUE(call_->Read(&request_));
  EXPECT_EQ(Sequences(request_), From(4, 6));
  EXPECT_EQ(request_.received_through(), 3U);
  call_->Write(Results(4, 6));
  CloseWell();
}

TEST_F(MessageStreamTest, ALargeBatchWaitsForNoCallback) {
  constexpr int kMessages = 150;  // The server takes 100 in a frame.
  Connect();
  std::promise<void> inside;
  std::promise<void> go_on;
  on_result_ = [&](const Result& result) {
    if (result.sequence > 1) return;
    inside.set_value();
    go_on.get_future().wait();
  };
  Send(1);
  call_->ReadMessages(1);
  call_->Write(Results(1, 1));
  inside.get_future().wait();
  const std::vector<absl::string_view> payloads(kMessages, "payload");
  EXPECT_EQ(stream_->TrySendBatch(payloads)->count, payloads.size());
  call_->ReadMessages(kMessages);
  go_on.set_value();
  call_->Write(Results(2, 1 + kMessages));
  EXPECT_TRUE(ReceivedThrough(1 + kMessages));
  CloseWell();
}

TEST_F(MessageStreamTest, NothingBlocksInsideACallback) {
  bool called = false;
  on_result_ = [this, &called](const Result&) {
    called = true;
    EXPECT_TRUE(stream_->Send("takes the room of this one").ok());
    EXPECT_EQ(stream_->Send("no room").status().code(),
              absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(stream_->Close(), absl::OkStatus());
    EXPECT_EQ(stream_->Send("closed").status().code(),
              absl::StatusCode::kFailedPrecondition);
    on_result_ = nullptr;
  };
  MessageStreamOptions options = Options();
  options.max_outstanding_messages = 1;
  Connect(options);
  Send(1);
  call_->ReadMessages(1);
  call_->Write(Results(1, 1));
  call_->ReadMessages(1);
  call_->Write(Results(2, 2));
  call_->ReadAll();
  call_->Finish(absl::OkStatus());
  EXPECT_EQ(Event(1).kind, Kind::kClosed);
  EXPECT_EQ(Event(1).status, absl::OkStatus());
  EXPECT_TRUE(called);
  EXPECT_TRUE(ReceivedThrough(2));
}

TEST_F(MessageStreamTest, ACallbackMayUseAnotherStreamWithoutBlocking) {
  MessageStreamOptions options = Options();
  options.max_outstanding_messages = 1;
  options.on_result = [](const Result&) {};
  options.on_event = nullptr;
  auto other = MessageStream::Open(options);
  ASSERT_TRUE(other.ok());
  const std::shared_ptr<ScriptedStream> other_call = server_.Accept();
  on_result_ = [&](const Result&) {
    EXPECT_TRUE((*other)->Send("1").ok());
    EXPECT_EQ((*other)->Send("2").status().code(),
              absl::StatusCode::kResourceExhausted);
  };
  Connect();
  Send(1);
  call_->ReadMessages(1);
  call_->Write(Results(1, 1));
  ASSERT_TRUE(ReceivedThrough(1));
  CloseWell();
}

TEST_F(MessageStreamTest, CloseWaitsForEveryResult) {
  Connect();
  Send(2);
  EXPECT_EQ(stream_->Close(absl::Milliseconds(1)).code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(stream_->Send("").status().code(),
            absl::StatusCode::kFailedPrecondition);
  call_->ReadMessages(2);
  call_->Write(Results(1, 2));
  EXPECT_TRUE(ReceivedThrough(2));
  CloseWell();
}

TEST_F(MessageStreamTest, CloseOfAnUnusedStreamIsOk) {
  Connect();
  CloseWell();
}

TEST_F(MessageStreamTest, CancelEndsTheStreamAtOnce) {
  MessageStreamOptions options = Options();
  options.max_outstanding_messages = 1;
  Connect(options);
  Send(1);
  std::thread blocked([this] {
    EXPECT_EQ(stream_->Send("", {}, kPatience).status().code(),
              absl::StatusCode::kCancelled);
  });
  stream_->Cancel();
  blocked.join();
  EXPECT_EQ(stream_->Close().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(stream_->Send("").status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Event(1).kind, Kind::kClosed);
  EXPECT_EQ(Event(1).status.code(), absl::StatusCode::kCancelled);
  call_->AwaitCancelled();
}

TEST_F(MessageStreamTest, CancelInsideACallback) {
  on_result_ = [this](const Result&) { stream_->Cancel(); };
  Connect();
  Send(1);
  call_->ReadMessages(1);
  call_->Write(Results(1, 1));
  EXPECT_EQ(Event(1).kind, Kind::kClosed);
  EXPECT_EQ(Event(1).status.code(), absl::StatusCode::kCancelled);
}

TEST_F(MessageStreamTest, AServerThatNeverReadsFillsTheWindowAndNoMore) {
  server_.StopReading();
  MessageStreamOptions options = Options();
  options.max_outstanding_bytes = 4 << 20;
  Open(options);
  call_ = server_.Accept();
  call_->Write(Welcome(v1::Welcome::STATE_NEW));
  ASSERT_TRUE(stream_->WaitUntilConnected(kPatience).ok());
  const std::string payload(1 << 20, 'x');
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(stream_->Send(payload).ok());
  EXPECT_EQ(stream_->TrySend(payload).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(stream_->Send(payload, {}, absl::Milliseconds(5)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  stream_.reset();
  EXPECT_EQ(Event(1).status.code(), absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace msgproc::client
