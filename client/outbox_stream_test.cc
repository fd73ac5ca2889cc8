// What an outbox promises, with a server that the test speaks for. That it
// holds when processes die is tests/durability/outbox_test.py's.
#include <sys/resource.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/message_stream.h"
#include "client/testing/message_stream_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class OutboxStreamTest : public MessageStreamFixture {
 protected:
  OutboxStreamTest() {
    std::string folder = absl::StrCat(::testing::TempDir(), "/outbox-XXXXXX");
    if (mkdtemp(folder.data()) == nullptr) std::abort();
    path_ = folder + "/box";
  }

  MessageStreamOptions Kept() {
    MessageStreamOptions options = Options();
    options.outbox = path_;
    return options;
  }
  static v1::ProcessResponse StoreWelcome(v1::Welcome::State state,
                                          uint64_t accepted_through = 0) {
    v1::ProcessResponse response = Welcome(state, accepted_through);
    response.mutable_welcome()->set_durability(v1::Welcome::DURABILITY_STORE);
    response.mutable_welcome()->set_store_generation("store");
    return response;
  }
  // Opens, on the outbox, and is welcomed; the Open is in `request_`.
  void Start(const v1::ProcessResponse& welcome) {
    Open(Kept());
    Reconnect();
    call_->Write(welcome);
    ASSERT_TRUE(stream_->WaitUntilConnected(kPatience).ok());
  }
  // The stream goes without a word, as with its program.
  void Leave() {
    stream_.reset();
    call_ = nullptr;
    MutexLock lock(&mutex_);
    results_.clear();
    events_.clear();
  }
  // As a crash would leave it now.
  void Snapshot(const std::string& to) {
    for (const char* file : {"", "-wal"}) {
      std::filesystem::copy(path_ + file, to + file);
    }
  }
  bool Received(const std::vector<uint64_t>& sequences) {
    return Await([&] { return results_ == sequences; });
  }

  std::string path_;
};

TEST_F(OutboxStreamTest, MessagesGoOutAndResultsComeIn) {
  Start(StoreWelcome(v1::Welcome::STATE_NEW));
  EXPECT_EQ(Event(0).store_generation, "store");
  Send(3);
  EXPECT_EQ(Sequences(call_->ReadMessages(3)), From(1, 3));
  EXPECT_EQ(stream_->next_sequence(), 4u);
  call_->Write(Results(1, 3));
  EXPECT_TRUE(ReceivedThrough(3));
  CloseWell();
}

TEST_F(OutboxStreamTest, NothingIsSentBeforeTheServersAnswerIsKept) {
  Open(Kept());
  Send(2);
  Reconnect();
  EXPECT_EQ(request_.messages_size(), 0);
  EXPECT_FALSE(request_.open().resumes());
  call_->Write(StoreWelcome(v1::Welcome::STATE_NEW));
  EXPECT_EQ(Sequences(call_->ReadMessages(2)), From(1, 2));
}

TEST_F(OutboxStreamTest, ANextStartGoesOnWithTheSession) {
  Start(StoreWelcome(v1::Welcome::STATE_NEW));
  const v1::Open first = request_.open();
  Send(4);
  call_->ReadMessages(4);
  Leave();
  Start(StoreWelcome(v1::Welcome::STATE_RESUMED, 2));
  EXPECT_EQ(request_.open().session_id(), first.session_id());
  EXPECT_EQ(request_.open().session_token(), first.session_token());
  EXPECT_NE(request_.open().instance(), first.instance());
  EXPECT_TRUE(request_.open().resumes());
  EXPECT_EQ(request_.open().store_generation(), "store");
  EXPECT_EQ(request_.received_through(), 0u);
  EXPECT_EQ(request_.messages_size(), 0);
  EXPECT_EQ(stream_->next_sequence(), 5u);
  EXPECT_EQ(stream_->outstanding(), 4u);
  const v1::ProcessRequest again = call_->ReadMessages(2);
  EXPECT_EQ(Sequences(again), From(3, 4));
  EXPECT_EQ(again.messages(0).payload(), "payload");
  call_->Write(Results(1, 4));
  EXPECT_TRUE(ReceivedThrough(4));
  CloseWell();
}

TEST_F(OutboxStreamTest, WhatNoServerHasAnsweredIsSentAtTheNextStart) {
  Open(Kept());
  Reconnect();
  ASSERT_TRUE(stream_->Send("x", {{"key", "value"}}, kPatience).ok());
  Leave();
  Open(Kept());
  Reconnect();
  EXPECT_FALSE(request_.open().resumes());
  EXPECT_EQ(request_.messages_size(), 0);
  call_->Write(StoreWelcome(v1::Welcome::STATE_NEW));
  const v1::ProcessRequest sent = call_->ReadMessages(1);
  EXPECT_EQ(Sequences(sent), From(1, 1));
  EXPECT_EQ(sent.messages(0).payload(), "x");
  ASSERT_EQ(sent.messages(0).headers_size(), 1);
  EXPECT_EQ(sent.messages(0).headers(0).value(), "value");
}

TEST_F(OutboxStreamTest, AResultThatWasDeliveredIsNotAskedForAgain) {
  Start(StoreWelcome(v1::Welcome::STATE_NEW));
  Send(3);
  call_->ReadMessages(3);
  call_->Write(Results(1, 2));
  EXPECT_TRUE(ReceivedThrough(2));
  Leave();
  Start(StoreWelcome(v1::Welcome::STATE_RESUMED, 3));
  EXPECT_EQ(request_.received_through(), 2u);
  EXPECT_EQ(stream_->outstanding(), 1u);
  call_->Write(Results(3, 3));
  EXPECT_TRUE(Received({3}));
  CloseWell();
}

TEST_F(OutboxStreamTest, AResultWhoseCallbackHasNotReturnedComesAgain) {
  const std::string crashed = path_ + "-crashed";
  on_result_ = [&](const Result& result) {
    if (result.sequence == 2) Snapshot(crashed);
  };
  Start(StoreWelcome(v1::Welcome::STATE_NEW));
  Send(3);
  call_->ReadMessages(3);
  call_->Write(Results(1, 2));
  EXPECT_TRUE(ReceivedThrough(2));
  Leave();
  on_result_ = nullptr;
  path_ = crashed;
  Start(StoreWelcome(v1::Welcome::STATE_RESUMED, 3));
  // That of the first may have gone.
  const uint64_t received = request_.received_through();
  EXPECT_LE(received, 1u);
  call_->Write(Results(received + 1, 3));
  EXPECT_TRUE(Received(From(received + 1, 3)));
  CloseWell();
}

TEST_F(OutboxStreamTest, TheServerIsToldOfAResultOnlyOnceItsCallbackReturned) {
  Mutex mutex;
  CondVar changed;
  bool held = true;
  bool inside = false;
  on_result_ = [&](const Result&) {
    MutexLock lock(&mutex);
    inside = true;
    changed.SignalAll();
    while (held) changed.Wait(&mutex);
  };
  Open(Kept());
  Reconnect();
  call_->Write(Welcome(v1::Welcome::STATE_NEW, 0, absl::Milliseconds(200)));
  Send(1);
  call_->ReadMessages(1);
  call_->Write(Results(1, 1));
  {
    MutexLock lock(&mutex);
    while (!inside) changed.Wait(&mutex);
  }
  // A message makes it speak.
  Send(1);
  v1::ProcessRequest request;
  ASSERT_TRUE(call_->Read(&request));
  EXPECT_EQ(request.received_through(), 0u);
  {
    MutexLock lock(&mutex);
    held = false;
    changed.SignalAll();
  }
  while (request.received_through() == 0) ASSERT_TRUE(call_->Read(&request));
  EXPECT_EQ(request.received_through(), 1u);
}

TEST_F(OutboxStreamTest, ANewConnectionBeginsOnceTheDiskKnowsWhatWasReceived) {
  Start(StoreWelcome(v1::Welcome::STATE_NEW));
  for (uint64_t round = 1; round <= 20; ++round) {
    Send(1);
    call_->ReadMessages(1);
    call_->Write(Results(round, round));
    call_->Finish(absl::UnavailableError("cut"));
    Reconnect();
    EXPECT_EQ(request_.received_through(), round);
    call_->Write(StoreWelcome(v1::Welcome::STATE_RESUMED, round));
  }
  EXPECT_TRUE(ReceivedThrough(20));
  CloseWell();
}

TEST_F(OutboxStreamTest, AStreamThatWasClosedWithAllItsResultsEmptiesIt) {
  Start(StoreWelcome(v1::Welcome::STATE_NEW));
  const v1::Open first = request_.open();
  Send(1);
  call_->ReadMessages(1);
  call_->Write(Results(1, 1));
  EXPECT_TRUE(ReceivedThrough(1));
  CloseWell();
  Leave();
  Start(StoreWelcome(v1::Welcome::STATE_NEW));
  EXPECT_NE(request_.open().session_id(), first.session_id());
  EXPECT_FALSE(request_.open().resumes());
  EXPECT_EQ(stream_->next_sequence(), 1u);
  CloseWell();
}

TEST_F(OutboxStreamTest, OneWithoutAServerIsClosedTooOnceItHasNothing) {
  server_.Stop();
  Open(Kept());
  EXPECT_EQ(stream_->Close(kPatience), absl::OkStatus());
}

TEST_F(OutboxStreamTest, OneThatIsClosedBeforeItsResultsStaysAndGoesOn) {
  Start(StoreWelcome(v1::Welcome::STATE_NEW));
  Send(1);
  call_->ReadMessages(1);
  EXPECT_EQ(stream_->Close(absl::ZeroDuration()).code(),
            absl::StatusCode::kDeadlineExceeded);
  Leave();
  Start(StoreWelcome(v1::Welcome::STATE_RESUMED, 1));
  EXPECT_EQ(stream_->next_sequence(), 2u);
  call_->Write(Results(1, 1));
  EXPECT_TRUE(ReceivedThrough(1));
  CloseWell();
}

TEST_F(OutboxStreamTest, ASendInACallbackIsKeptBeforeItLeaves) {
  on_result_ = [this](const Result& result) {
    if (result.sequence == 1) {
      EXPECT_TRUE(stream_->Send("from the callback").ok());
    }
  };
  Start(StoreWelcome(v1::Welcome::STATE_NEW));
  Send(1);
  call_->ReadMessages(1);
  call_->Write(Results(1, 1));
  EXPECT_EQ(call_->ReadMessages(1).messages(0).payload(), "from the callback");
  Leave();
  on_result_ = nullptr;
  Start(StoreWelcome(v1::Welcome::STATE_RESUMED, 1));
  EXPECT_EQ(stream_->next_sequence(), 3u);
  EXPECT_EQ(call_->ReadMessages(1).messages(0).payload(), "from the callback");
}

TEST_F(OutboxStreamTest, ABatchIsKeptAsWell) {
  Start(StoreWelcome(v1::Welcome::STATE_NEW));
  const auto sent = stream_->TrySendBatch({"a", "b", "c"});
  ASSERT_TRUE(sent.ok()) << sent.status();
  EXPECT_EQ(sent->first_sequence, 1u);
  EXPECT_EQ(sent->count, 3u);
  EXPECT_TRUE(stream_->TrySendBatch({}).ok());
  call_->ReadMessages(3);
  Leave();
  Start(StoreWelcome(v1::Welcome::STATE_RESUMED));
  EXPECT_EQ(call_->ReadMessages(3).messages(2).payload(), "c");
}

TEST_F(OutboxStreamTest, ManyMaySendAtOnce) {
  constexpr int kThreads = 8;
  constexpr int kEach = 20;
  Start(StoreWelcome(v1::Welcome::STATE_NEW));
  std::vector<std::thread> senders;
  for (int i = 0; i < kThreads; ++i) {
    senders.emplace_back([this] { Send(kEach); });
  }
  for (std::thread& sender : senders) sender.join();
  Leave();
  Start(StoreWelcome(v1::Welcome::STATE_RESUMED));
  EXPECT_EQ(Sequences(call_->ReadMessages(kThreads * kEach)),
            From(1, kThreads * kEach));
  call_->Write(Results(1, kThreads * kEach));
  EXPECT_TRUE(ReceivedThrough(kThreads * kEach));
  CloseWell();
}

TEST_F(OutboxStreamTest, WhatALostStoreOwesStaysInTheFile) {
  Start(StoreWelcome(v1::Welcome::STATE_NEW));
  Send(2);
  call_->ReadMessages(2);
  Leave();
  for (int start = 1; start <= 2; ++start) {
    Open(Kept());
    Reconnect();
    EXPECT_EQ(request_.messages_size(), 0);
    call_->Finish(absl::DataLossError("the store does not have it"));
    const absl::Status status = stream_->Close(kPatience);
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(status.message(),
                AllOf(HasSubstr("the store does not have it"), HasSubstr(path_),
                      HasSubstr("sent again")));
    EXPECT_EQ(Event(0).status, status);
    EXPECT_EQ(stream_->Send("x").status(), status);
    EXPECT_EQ(stream_->TrySendBatch({"x"}).status(), status);
    EXPECT_EQ(stream_->WaitUntilConnected(kPatience), status);
    EXPECT_EQ(stream_->outstanding(), 2u);
    Leave();
  }
}

TEST_F(OutboxStreamTest, WhatAServerHasForgottenStaysInTheFile) {
  Start(StoreWelcome(v1::Welcome::STATE_NEW));
  Send(1);
  Leave();
  Open(Kept());
  Reconnect();
  call_->Finish(absl::FailedPreconditionError("the session has expired"));
  const absl::Status status = stream_->Close(kPatience);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("has expired"), HasSubstr(path_)));
  EXPECT_EQ(Event(0).status, status);
  Leave();
  Start(StoreWelcome(v1::Welcome::STATE_RESUMED));
  EXPECT_EQ(Sequences(call_->ReadMessages(1)), From(1, 1));
}

TEST_F(OutboxStreamTest, MessagesForAnotherHandlerAreRefused) {
  Open(Kept());
  Send(1);
  Leave();
  MessageStreamOptions options = Kept();
  options.handler = "another";
  const auto stream = MessageStream::Open(options);
  EXPECT_EQ(stream.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(stream.status().message(),
              AllOf(HasSubstr(path_), HasSubstr("'another'")));
}

TEST_F(OutboxStreamTest, ASecondStreamOnItIsRefused) {
  Open(Kept());
  const auto second = MessageStream::Open(Kept());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(second.status().message(), HasSubstr(path_));
}

TEST_F(OutboxStreamTest, AFileThatCannotBeWrittenEndsTheStream) {
  Start(StoreWelcome(v1::Welcome::STATE_NEW));
  Send(1);
  call_->ReadMessages(1);
  // No file of this process may grow beyond that.
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  rlimit small = limit;
  small.rlim_cur = 200 << 10;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status =
      stream_->Send(std::string(900 << 10, 'x'), {}, kPatience).status();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, before);
  // SQLite cannot tell whether the commit is there.
  EXPECT_EQ(status.code(), absl::StatusCode::kUnknown);
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr(path_), HasSubstr("cannot be written")));
  EXPECT_EQ(stream_->Close(kPatience), status);
  EXPECT_EQ(Event(1).kind, Kind::kClosed);
  EXPECT_EQ(Event(1).status, status);
  Leave();
  // What it had before goes on.
  Start(StoreWelcome(v1::Welcome::STATE_RESUMED));
  EXPECT_EQ(stream_->next_sequence(), 2u);
  EXPECT_EQ(Sequences(call_->ReadMessages(1)), From(1, 1));
}

}  // namespace
}  // namespace msgproc::client
