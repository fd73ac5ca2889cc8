#include "services/processor/executors/async_executor.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/handlers/async_handler.h"
#include "services/processor/testing/session_fixture.h"

namespace msgproc::processor {
namespace {

using ::testing::HasSubstr;

// Keeps what it is given until the test answers it.
class Keeper final : public AsyncHandler {
 public:
  void Start(const HandlerContext& /*context*/, const Message& message,
             Responder responder) override {
    if (message.payload == "throw") throw 1;
    if (message.payload == "drop") return;
    MutexLock lock(&mutex_);
    kept_.push_back(std::move(responder));
  }

  size_t kept() {
    MutexLock lock(&mutex_);
    return kept_.size();
  }
  Responder& at(size_t index) {
    MutexLock lock(&mutex_);
    return kept_.at(index);
  }
  void Echo(size_t index) {
    Responder& responder = at(index);
    Reply reply;
    reply.BorrowPayload(responder.message().payload);
    responder.Finish(reply);
  }

 private:
  Mutex mutex_;
  std::vector<Responder> kept_ MSGPROC_GUARDED_BY(mutex_);
};

class AsyncExecutorTest : public SessionFixture {
 protected:
  AsyncExecutorTest() {
    binding_.name = "keep";
    binding_.handler = &keeper_;
    binding_.max_payload_bytes = 1 << 20;
  }
  ~AsyncExecutorTest() override {
    if (executor_ != nullptr) executor_->Stop();
  }

  void Start(absl::Duration timeout = absl::InfiniteDuration()) {
    executor_ = std::make_unique<AsyncExecutor>(timeout);
    session_ = NewSession(executor_.get());
    stream_ = Attach(session_.get());
  }
  void SendPayloads(uint64_t first, const std::vector<std::string>& payloads) {
    v1::ProcessRequest request;
    for (const std::string& payload : payloads) {
      v1::Message* message = request.add_messages();
      message->set_sequence(first++);
      message->set_payload(payload);
    }
    ASSERT_TRUE(Send(session_.get(), stream_, request).ok());
  }
  std::vector<v1::Result> TakeResults() {
    std::vector<wire::Piece> pieces;
    session_->TakeResults(stream_.get(), &pieces);
    const v1::ProcessResponse response = Decode(&pieces);
    return {response.results().begin(), response.results().end()};
  }
  // For those that come from another thread.
  std::vector<v1::Result> AwaitResults(size_t count) {
    std::vector<v1::Result> results;
    for (int i = 0; i < 60'000 && results.size() < count; ++i) {
      for (v1::Result& result : TakeResults()) results.push_back(result);
      if (results.size() < count) absl::SleepFor(absl::Milliseconds(1));
    }
    return results;
  }

  std::unique_ptr<AsyncExecutor> executor_;
  std::shared_ptr<HostedSession> session_;
  Stream stream_;
  // Outlives the executor, as Responders may.
  Keeper keeper_;
};

TEST_F(AsyncExecutorTest, AnswersInOrderWhateverComesFirst) {
  Start();
  SendPayloads(1, {"a", "b", "c"});
  ASSERT_EQ(keeper_.kept(), 3u);
  keeper_.Echo(2);
  keeper_.Echo(1);
  EXPECT_TRUE(TakeResults().empty());
  keeper_.Echo(0);
  const auto results = TakeResults();
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].payload(), "a");
  EXPECT_EQ(results[2].payload(), "c");
  EXPECT_EQ(results[2].sequence(), 3u);
  EXPECT_EQ(executor_->counters().pending, 0);
}

TEST_F(AsyncExecutorTest, AThousandThatWaitHoldUpNobody) {
  Start();
  SendPayloads(1, std::vector<std::string>(1000, "x"));
  EXPECT_EQ(keeper_.kept(), 1000u);
  EXPECT_EQ(executor_->counters().pending, 1000);
  auto other = NewSession(executor_.get(), "other");
  const Stream stream = Attach(other.get());
  ASSERT_TRUE(Send(other.get(), stream, Messages(1, 1)).ok());
  ASSERT_EQ(keeper_.kept(), 1001u);
  keeper_.Echo(1000);
  EXPECT_EQ(Take(other.get(), stream), Range(1, 1));
  for (size_t i = 0; i < 1000; ++i) keeper_.Echo(i);
  EXPECT_EQ(TakeResults().size(), 1000u);
}

TEST_F(AsyncExecutorTest, OrderedOnesStartOneAfterTheOther) {
  binding_.traits.ordered = true;
  Start();
  SendPayloads(1, {"a", "b"});
  EXPECT_EQ(keeper_.kept(), 1u);
  keeper_.Echo(0);
  EXPECT_EQ(keeper_.kept(), 2u);
}

TEST_F(AsyncExecutorTest, AnswersFromAnyThread) {
  Start();
  SendPayloads(1, {"a", "b"});
  std::thread([&] { keeper_.Echo(1); }).join();
  std::thread([&] {
    keeper_.at(0).Fail(absl::UnavailableError("the backend is away"));
  }).join();
  const auto results = TakeResults();
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].error().message(), "the backend is away");
  EXPECT_TRUE(results[0].error().retryable());
  EXPECT_EQ(results[1].payload(), "b");
}

TEST_F(AsyncExecutorTest, WhoLetsGoWithoutAnAnswerHasFailed) {
  Start();
  SendPayloads(1, {"drop", "throw"});
  const auto results = TakeResults();
  ASSERT_EQ(results.size(), 2u);
  for (const v1::Result& result : results) {
    EXPECT_EQ(result.error().code(), 13);
    EXPECT_THAT(result.error().message(), HasSubstr("let go"));
  }
}

TEST_F(AsyncExecutorTest, WhoNeverAnswersHasFailedInTime) {
  Start(absl::Milliseconds(20));
  SendPayloads(1, {"a", "b"});
  const auto results = AwaitResults(2);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[1].sequence(), 2u);
  EXPECT_EQ(results[1].error().code(), 4);
  EXPECT_THAT(results[1].error().message(), HasSubstr("--handler_timeout"));
  EXPECT_EQ(executor_->counters().unanswered, 2u);
  EXPECT_TRUE(keeper_.at(0).context().cancelled());
  // The message is there all the same; the answer comes too late.
  EXPECT_EQ(keeper_.at(0).message().payload, "a");
  keeper_.Echo(0);
  EXPECT_EQ(executor_->counters().repeated, 0u);
}

TEST_F(AsyncExecutorTest, ASecondAnswerIsCountedAndDropped) {
#ifdef NDEBUG
  Start();
  SendPayloads(1, {"a", "b"});
  keeper_.Echo(0);
  keeper_.Echo(0);
  keeper_.at(0).Fail(absl::InternalError("no"));
  EXPECT_EQ(executor_->counters().repeated, 2u);
  keeper_.Echo(1);
  const auto results = TakeResults();
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].payload(), "a");
#else
  GTEST_SKIP() << "is a failed check in this build";
#endif
}

TEST_F(AsyncExecutorTest, AHandlerIsToldWhoSendsAndWhetherAnybodyWaits) {
  Start(absl::Hours(1));
  SendPayloads(7, {});
  SendPayloads(1, {"a", "b"});
  const HandlerContext& context = keeper_.at(1).context();
  EXPECT_EQ(context.session().session_id, "s");
  EXPECT_EQ(context.handler(), "keep");
  EXPECT_EQ(context.idempotency_key(), "s/2");
  EXPECT_EQ(context.attempt(), 1);
  EXPECT_LT(context.deadline(), absl::InfiniteFuture());
  EXPECT_FALSE(context.cancelled());
  session_->Abandon();
  EXPECT_TRUE(context.cancelled());
  // Nobody has them any more, and answers are of no use.
  EXPECT_EQ(executor_->counters().pending, 0);
  keeper_.Echo(0);
  EXPECT_TRUE(TakeResults().empty());
}

TEST_F(AsyncExecutorTest, AnAnonymousClientsMessagesGoWithIt) {
  Start();
  auto anonymous = NewSession(executor_.get(), "");
  const Stream stream = Attach(anonymous.get());
  ASSERT_TRUE(Send(anonymous.get(), stream, Messages(0, 3)).ok());
  EXPECT_EQ(executor_->counters().pending, 3);
  anonymous->Detach(stream.get());
  EXPECT_EQ(executor_->counters().pending, 0);
  EXPECT_EQ(anonymous.use_count(), 1);
}

TEST_F(AsyncExecutorTest, RespondersMayOutliveIt) {
  Start();
  SendPayloads(1, {"a"});
  executor_->Stop();
  EXPECT_EQ(session_.use_count(), 1);
  SendPayloads(2, {"b"});
  session_.reset();
  executor_.reset();
  EXPECT_TRUE(keeper_.at(0).context().cancelled());
  keeper_.Echo(0);
}

}  // namespace
}  // namespace msgproc::processor
