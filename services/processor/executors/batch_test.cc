#include "services/processor/executors/batch.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/clock.h"
#include "common/utf8.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/testing/frames.h"
#include "services/processor/testing/function_handler.h"
#include "wire/entry.h"
#include "wire/trace_context.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;

class BatchTest : public testing::Test {
 protected:
  BatchTest() {
    binding_.name = "test";
    binding_.max_payload_bytes = 1000;
    batch_.binding = &binding_;
  }

  // What the handler makes of the messages.
  v1::ProcessResponse Run(const v1::ProcessRequest& request,
                          FunctionHandler::Function function) {
    FunctionHandler handler(std::move(function));
    binding_.handler = &handler;
    const TestFrame frame(request);
    batch_.Clear();
    batch_.messages = frame->messages;
    batch_.size = frame->messages.size();
    EXPECT_TRUE(RunHandler(&batch_));
    std::vector<wire::Piece> pieces;
    wire::EntryLog::Cursor cursor =
        batch_.results.At(batch_.results.first_position());
    batch_.results.Take(&cursor, UINT64_MAX, SIZE_MAX, &pieces);
    return Decode(&pieces);
  }

  HandlerBinding binding_;
  Batch batch_;
};

absl::Status Echo(const Message& message, Reply* reply) {
  reply->BorrowPayload(message.payload);
  return absl::OkStatus();
}

TEST_F(BatchTest, EveryMessageGetsItsResultInOrder) {
  const v1::ProcessResponse response = Run(Messages(5, 3, 10), Echo);
  EXPECT_EQ(Sequences(response), Range(5, 7));
  EXPECT_EQ(response.results(1).payload(), PayloadOf(6, 10));
  EXPECT_FALSE(response.results(1).has_error());
  EXPECT_EQ(batch_.failed, 0U);
  EXPECT_EQ(batch_.payload_bytes, 30U);
  EXPECT_GT(binding_.message_nanoseconds, 0);
}

TEST_F(BatchTest, AHandlerIsToldUnderWhichSpanItsMessageIs) {
  std::vector<std::string> seen;
  FunctionHandler handler([&](const HandlerContext& context,
                              const Message& message, Reply* reply) {
    seen.push_back(context.trace() == nullptr ? ""
                                              : context.trace()->Traceparent());
    return Echo(message, reply);
  });
  binding_.handler = &handler;
  const TestFrame frame(Messages(1, 5));
  batch_.messages = frame->messages;
  batch_.size = 5;
  const absl::Time before = Clock::Monotonic()->Now();
  for (const uint64_t index : {1, 2, 4}) {
    batch_.traced.push_back({.index = index, .context = {1, 2, index, true}});
  }
  EXPECT_TRUE(RunHandler(&batch_));
  const auto parent = [](uint64_t id) {
    return wire::TraceContext{1, 2, id, true}.Traceparent();
  };
  EXPECT_EQ(seen, (std::vector<std::string>{"", parent(1), parent(2), "",
                                            parent(4)}));
  for (const TracedMessage& traced : batch_.traced) {
    EXPECT_GE(traced.begin, before);
    EXPECT_GE(traced.end, traced.begin);
  }
  EXPECT_LE(batch_.traced[0].end, batch_.traced[1].begin);
  batch_.Clear();
  EXPECT_TRUE(batch_.traced.empty());
}

TEST_F(BatchTest, AFailureIsAnErrorInItsOwnResult) {
  const v1::ProcessResponse response =
      Run(Messages(1, 3), [](const Message& message, Reply* reply) {
        *reply->mutable_payload() = "half done";
        reply->AddHeader("half", "done");
        return message.sequence == 2 ? absl::InvalidArgumentError("not this")
                                     : absl::OkStatus();
      });
  ASSERT_EQ(response.results_size(), 3);
  EXPECT_EQ(response.results(0).payload(), "half done");
  const v1::Result& failed = response.results(1);
  EXPECT_EQ(failed.sequence(), 2U);
  EXPECT_EQ(failed.error().code(), 3);
  EXPECT_EQ(failed.error().message(), "not this");
  EXPECT_FALSE(failed.error().retryable());
  EXPECT_TRUE(failed.payload().empty());
  EXPECT_TRUE(failed.headers().empty());
  EXPECT_FALSE(response.results(2).has_error());
  EXPECT_EQ(batch_.failed, 1U);
}

TEST_F(BatchTest, SaysWhichFailuresAreWorthTryingAgain) {
  for (const absl::StatusCode code :
       {absl::StatusCode::kUnavailable, absl::StatusCode::kAborted,
        absl::StatusCode::kDeadlineExceeded,
        absl::StatusCode::kResourceExhausted}) {
    const v1::ProcessResponse response = Run(
        Messages(1, 1), [code](const Message& /*message*/, Reply* /*reply*/) {
          return absl::Status(code, "later");
        });
    EXPECT_EQ(response.results(0).error().code(), static_cast<int>(code));
    EXPECT_TRUE(response.results(0).error().retryable());
  }
}

TEST_F(BatchTest, AnExceptionIsAnInternalError) {
  const v1::ProcessResponse response =
      Run(Messages(1, 3), [](const Message& message, Reply* reply) {
        reply->AddHeader("left", "over");
        if (message.sequence == 1) throw std::runtime_error("out of luck");
        if (message.sequence == 2) throw 42;
        return Echo(message, reply);
      });
  EXPECT_EQ(response.results(0).error().code(), 13);
  EXPECT_THAT(response.results(0).error().message(), HasSubstr("out of luck"));
  EXPECT_EQ(response.results(1).error().code(), 13);
  EXPECT_FALSE(response.results(2).has_error());
  EXPECT_EQ(response.results(2).headers_size(), 1);
}

TEST_F(BatchTest, AResultOverTheLimitIsOutOfRange) {
  const v1::ProcessResponse response =
      Run(Messages(1, 2), [](const Message& message, Reply* reply) {
        reply->mutable_payload()->assign(message.sequence == 1 ? 1001 : 1000,
                                         'x');
        return absl::OkStatus();
      });
  EXPECT_EQ(response.results(0).error().code(), 11);
  EXPECT_THAT(response.results(0).error().message(), HasSubstr("1001 bytes"));
  EXPECT_TRUE(response.results(0).payload().empty());
  EXPECT_EQ(response.results(1).payload().size(), 1000U);
}

TEST_F(BatchTest, HeadersOverTheLimitAreOutOfRange) {
  const v1::ProcessResponse response =
      Run(Messages(1, 2), [](const Message& message, Reply* reply) {
        reply->AddHeader("k",
                         std::string((64 << 10) - message.sequence % 2, 'v'));
        return absl::OkStatus();
      });
  EXPECT_EQ(response.results(0).headers_size(), 1);
  EXPECT_EQ(response.results(1).error().code(), 11);
}

TEST_F(BatchTest, APayloadThatTheHandlerDoesNotTakeFailsWithoutACall) {
  binding_.traits.max_payload_bytes = 10;
  int calls = 0;
  v1::ProcessRequest request = Messages(1, 1, 10);
  request.MergeFrom(Messages(2, 1, 11));
  const v1::ProcessResponse response =
      Run(request, [&](const Message& message, Reply* reply) {
        ++calls;
        return Echo(message, reply);
      });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(response.results(1).error().code(), 3);
  EXPECT_THAT(response.results(1).error().message(),
              HasSubstr("the handler 'test' takes at most 10"));
}

TEST_F(BatchTest, HeadersTravelBothWays) {
  v1::ProcessRequest request = Messages(1, 2);
  for (const char* key : {"b", "a", "b"}) {
    v1::Header* header = request.mutable_messages(0)->add_headers();
    header->set_key(key);
    header->set_value(std::string("v\0", 2) + key);
  }
  const v1::ProcessResponse response =
      Run(request, [](const Message& message, Reply* reply) {
        for (const wire::HeaderView& header : message.headers()) {
          reply->AddHeader(std::string(header.key), std::string(header.value));
        }
        return absl::OkStatus();
      });
  ASSERT_EQ(response.results(0).headers_size(), 3);
  EXPECT_EQ(response.results(0).headers(1).key(), "a");
  EXPECT_EQ(response.results(0).headers(2).value(), std::string("v\0b", 3));
  EXPECT_EQ(response.results(1).headers_size(), 0);
}

// A string that is not UTF-8 would cost the client the whole frame.
TEST_F(BatchTest, TextFromOutsideIsMadeReadable) {
  const v1::ProcessResponse response =
      Run(Messages(1, 3), [](const Message& message, Reply* reply) {
        if (message.sequence == 1)
          throw std::runtime_error("bad \xff\xfe byte");
        if (message.sequence == 2) {
          // 1,023 bytes and half a character.
          return absl::InternalError(std::string(1023, 'x') + "\xc3\xa9");
        }
        reply->AddHeader("\xff", "fine");
        return absl::OkStatus();
      });
  ASSERT_EQ(response.results_size(), 3);
  EXPECT_THAT(response.results(0).error().message(), HasSubstr("bad ?? byte"));
  EXPECT_EQ(response.results(1).error().message(), std::string(1023, 'x'));
  EXPECT_EQ(response.results(2).error().code(), 13);
  EXPECT_THAT(response.results(2).error().message(), HasSubstr("not UTF-8"));
  for (const v1::Result& result : response.results()) {
    EXPECT_TRUE(IsUtf8(result.error().message()));
  }
}

TEST_F(BatchTest, StopsBetweenMessages) {
  std::atomic<bool> stop{false};
  int calls = 0;
  FunctionHandler handler([&](const Message& /*message*/, Reply* /*reply*/) {
    stop = ++calls == 2;
    return absl::OkStatus();
  });
  binding_.handler = &handler;
  const TestFrame frame(Messages(1, 5));
  batch_.messages = frame->messages;
  EXPECT_FALSE(RunHandler(&batch_, &stop));
  EXPECT_EQ(calls, 2);
}

class FakeOwner final : public BatchOwner {
 public:
  void OnBatchDone(std::unique_ptr<Batch> /*batch*/) override {}
  bool Wants(const Batch& /*batch*/) const override { return wanted; }
  bool wanted = true;
};

TEST_F(BatchTest, AHandlerIsToldOfEachMessage) {
  batch_.context = std::make_shared<const SessionContext>(
      SessionContext{.session_id = "s", .client_name = "till 3"});
  batch_.idempotency_scope = "s";
  batch_.attempt = 2;
  batch_.handler_timeout = absl::Hours(1);
  std::vector<std::string> keys;
  const absl::Time before = Clock::Monotonic()->Now();
  FunctionHandler handler([&](const HandlerContext& context,
                              const Message& /*message*/, Reply* /*reply*/) {
    keys.push_back(context.idempotency_key());
    EXPECT_EQ(context.session().client_name, "till 3");
    EXPECT_EQ(context.handler(), "test");
    EXPECT_EQ(context.attempt(), 2);
    EXPECT_GE(context.deadline(), before + absl::Hours(1));
    EXPECT_LE(context.deadline(), Clock::Monotonic()->Now() + absl::Hours(1));
    EXPECT_FALSE(context.cancelled());
    return absl::OkStatus();
  });
  binding_.handler = &handler;
  const TestFrame frame(Messages(7, 2));
  batch_.messages = frame->messages;
  EXPECT_TRUE(RunHandler(&batch_));
  EXPECT_THAT(keys, testing::ElementsAre("s/7", "s/8"));
}

TEST_F(BatchTest, WhereNothingIsKnownAHandlerIsToldSo) {
  FunctionHandler handler([&](const HandlerContext& context,
                              const Message& /*message*/, Reply* /*reply*/) {
    EXPECT_EQ(context.session().session_id, "");
    EXPECT_TRUE(context.session().principal.anonymous());
    EXPECT_EQ(context.idempotency_key(), "");
    EXPECT_EQ(context.attempt(), 1);
    EXPECT_EQ(context.deadline(), absl::InfiniteFuture());
    EXPECT_FALSE(context.cancelled());
    return absl::OkStatus();
  });
  binding_.handler = &handler;
  const TestFrame frame(Messages(1, 1));
  batch_.messages = frame->messages;
  EXPECT_TRUE(RunHandler(&batch_));
}

TEST_F(BatchTest, AHandlerSeesThatNobodyWaitsAnyMore) {
  FakeOwner owner;
  std::vector<bool> seen;
  FunctionHandler handler([&](const HandlerContext& context,
                              const Message& /*message*/, Reply* /*reply*/) {
    seen.push_back(context.cancelled());
    owner.wanted = false;
    seen.push_back(context.cancelled());
    return absl::OkStatus();
  });
  binding_.handler = &handler;
  batch_.waiting = &owner;
  const TestFrame frame(Messages(1, 1));
  batch_.messages = frame->messages;
  EXPECT_TRUE(RunHandler(&batch_));
  EXPECT_THAT(seen, testing::ElementsAre(false, true));
}

TEST_F(BatchTest, MessagesAreReadFromPieces) {
  wire::EntryLog log;
  for (uint64_t i = 1; i <= 3000; ++i) {
    wire::AppendMessage(&log, i, PayloadOf(i, 100));
  }
  wire::EntryLog::Cursor cursor = log.At(1);
  log.Take(&cursor, 3000, SIZE_MAX, &batch_.pieces);
  EXPECT_GT(batch_.pieces.size(), 1U);
  batch_.ParsePieces();
  ASSERT_EQ(batch_.messages.size(), 3000U);
  EXPECT_EQ(batch_.messages[2999].sequence, 3000U);
  EXPECT_EQ(batch_.messages[2999].payload, PayloadOf(3000, 100));
  batch_.Clear();
  EXPECT_TRUE(batch_.messages.empty());
}

}  // namespace
}  // namespace msgproc::processor
