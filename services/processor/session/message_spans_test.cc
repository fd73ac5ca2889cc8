#include "services/processor/session/message_spans.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/traces/span.h"
#include "services/processor/executors/batch.h"
#include "wire/entry.h"
#include "wire/entry_log.h"
#include "wire/frame.h"
#include "wire/trace_context.h"

namespace msgproc::processor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class FakeSink final : public base::SpanSink {
 public:
  void Record(std::vector<base::Span> spans) override {
    EXPECT_FALSE(spans.empty());
    for (base::Span& span : spans) recorded.push_back(std::move(span));
  }
  void CountUnmade(uint64_t spans) override {
    EXPECT_GT(spans, 0u);
    unmade += spans;
  }

  std::vector<base::Span> recorded;
  uint64_t unmade = 0;
};

class MessageSpansTest : public testing::Test {
 protected:
  explicit MessageSpansTest(bool stored = false)
      : spans_({.sink = &sink_,
                .session_id = "till-7",
                .handler = "echo",
                .stored = stored,
                .seed = 42}) {}

  static absl::Time At(int milliseconds) {
    return absl::FromUnixMillis(1000 + milliseconds);
  }
  static wire::TraceContext Client(uint64_t trace, bool sampled = true) {
    return {trace, 2 * trace, 3 * trace, sampled};
  }

  // Messages are accepted from a position on, traced where `traces` has a trace
  // and not 0.
  void Accept(uint64_t position, const std::vector<uint64_t>& traces, int at,
              bool sampled = true, bool wants_response = false) {
    wire::EntryLog log;
    for (size_t i = 0; i < traces.size(); ++i) {
      std::vector<wire::HeaderView> headers;
      const std::string parent = Client(traces[i], sampled).Traceparent();
      if (traces[i] != 0) {
        headers = {{"traceparent", parent}, {"tracestate", "a=b"}};
        if (wants_response) headers.push_back({"traceresponse", ""});
      }
      wire::AppendMessage(&log, 100 + position + i, "hi", headers);
    }
    std::vector<wire::MessageView> messages(traces.size());
    wire::EntryLog::Cursor cursor = log.At(1);
    for (wire::MessageView& message : messages) {
      ASSERT_TRUE(wire::ParseMessage(log.Next(&cursor), &message));
    }
    spans_.OnAccepted(position, messages, At(at));
  }

  Batch* GiveOut(uint64_t position, uint64_t size, int at) {
    batch_.ClearResults();
    batch_.first_position = position;
    batch_.size = size;
    batch_.attempt = 1;
    spans_.OnGivenOut(&batch_, At(at));
    return &batch_;
  }
  // It comes back with a result for each message.
  void Return(int at) {
    for (uint64_t i = 0; i < batch_.size; ++i) {
      wire::AppendResult(&batch_.results, 100 + batch_.first_position + i,
                         "ok");
    }
    spans_.OnReturned(&batch_, At(at));
  }
  // Results are taken from a position on; those in `failed` say so.
  bool Take(uint64_t position, uint64_t count,
            const std::set<uint64_t>& failed = {}) {
    wire::EntryLog log(position);
    for (uint64_t i = position; i < position + count; ++i) {
      if (failed.count(i) > 0) {
        wire::AppendError(&log, 100 + i, 5, "no such account", false);
      } else {
        wire::AppendResult(&log, 100 + i, "ok");
      }
    }
    // Others' pieces may stand in front.
    std::vector<wire::Piece> pieces(1);
    wire::EntryLog::Cursor cursor = log.At(position);
    log.Take(&cursor, UINT64_MAX, SIZE_MAX, &pieces);
    return spans_.OnTaken(position, count, pieces, 1);
  }
  // One message goes all the way, a millisecond a step from `at` on.
  void Pass(uint64_t position, uint64_t trace, int at) {
    Accept(position, {trace}, at);
    GiveOut(position, 1, at + 1);
    Return(at + 2);
    EXPECT_TRUE(Take(position, 1));
    spans_.OnWritten(At(at + 3));
  }

  // The parts of what was recorded: name, and how long in milliseconds.
  std::vector<std::pair<std::string, int64_t>> Parts() const {
    std::vector<std::pair<std::string, int64_t>> parts;
    for (const base::Span& span : sink_.recorded) {
      parts.emplace_back(span.name,
                         absl::ToInt64Milliseconds(span.end - span.begin));
    }
    return parts;
  }
  const base::Span& Recorded(const std::string& name) const {
    for (const base::Span& span : sink_.recorded) {
      if (span.name == name) return span;
    }
    ADD_FAILURE() << "no span " << name;
    return sink_.recorded.at(0);
  }

  FakeSink sink_;
  MessageSpans spans_;
  Batch batch_;
};

class StoredMessageSpansTest : public MessageSpansTest {
 protected:
  StoredMessageSpansTest() : MessageSpansTest(/*stored=*/true) {}
};

TEST_F(MessageSpansTest, AMessageWithoutTraceMakesNoSpans) {
  Accept(1, {0, 0}, 0);
  EXPECT_THAT(GiveOut(1, 2, 1)->traced, IsEmpty());
  Return(2);
  EXPECT_FALSE(Take(1, 2));
  spans_.OnWritten(At(3));
  EXPECT_THAT(sink_.recorded, IsEmpty());
}

TEST_F(MessageSpansTest, NorDoesOneThatIsNotSampled) {
  Accept(1, {7}, 0, /*sampled=*/false);
  EXPECT_EQ(spans_.open(), 0u);
  EXPECT_THAT(GiveOut(1, 1, 1)->traced, IsEmpty());
  EXPECT_FALSE(Take(1, 1));
}

TEST_F(MessageSpansTest, ATraceparentAloneSuffices) {
  const std::string parent = Client(7).Traceparent();
  wire::EntryLog log;
  wire::AppendMessage(&log, 101, "hi", {{"traceparent", parent}});
  wire::EntryLog::Cursor cursor = log.At(1);
  wire::MessageView message;
  ASSERT_TRUE(wire::ParseMessage(log.Next(&cursor), &message));
  spans_.OnAccepted(1, {&message, 1}, At(0));
  EXPECT_EQ(spans_.open(), 1u);
}

TEST_F(MessageSpansTest, PartsFollowOneAnother) {
  Accept(1, {7}, 0);
  GiveOut(1, 1, 10);
  Return(30);
  ASSERT_TRUE(Take(1, 1));
  EXPECT_THAT(sink_.recorded, IsEmpty());
  spans_.OnWritten(At(70));
  EXPECT_THAT(Parts(), ElementsAre(Pair("process echo", 70), Pair("queue", 10),
                                   Pair("handler", 20), Pair("write", 40)));
  EXPECT_EQ(Recorded("queue").begin, At(0));
  EXPECT_EQ(Recorded("handler").begin, At(10));
  EXPECT_EQ(Recorded("write").begin, At(30));
  EXPECT_EQ(spans_.open(), 0u);
}

TEST_F(StoredMessageSpansTest, OfAStoredSessionTheCommitIsOneOfThem) {
  Accept(1, {7, 8}, 0);
  GiveOut(1, 2, 10);
  Return(30);
  spans_.OnCommitted(1, At(40));
  spans_.OnCommitted(2, At(50));
  ASSERT_TRUE(Take(1, 2));
  spans_.OnWritten(At(70));
  EXPECT_THAT(Parts(), ElementsAre(Pair("process echo", 70), Pair("queue", 10),
                                   Pair("handler", 20), Pair("commit", 10),
                                   Pair("write", 30), Pair("process echo", 70),
                                   Pair("queue", 10), Pair("handler", 20),
                                   Pair("commit", 20), Pair("write", 20)));
}

TEST_F(MessageSpansTest, TheyAreOneTreeUnderTheClientsSpan) {
  Pass(1, 7, 0);
  const base::Span& process = Recorded("process echo");
  EXPECT_EQ(process.parent_span_id, Client(7).span_id);
  EXPECT_EQ(process.kind, base::Span::Kind::kServer);
  std::set<uint64_t> ids = {Client(7).span_id};
  for (const base::Span& span : sink_.recorded) {
    EXPECT_EQ(span.context.trace_id_high, Client(7).trace_id_high);
    EXPECT_EQ(span.context.trace_id_low, Client(7).trace_id_low);
    EXPECT_TRUE(span.context.sampled);
    EXPECT_EQ(span.trace_state, "a=b");
    EXPECT_NE(span.context.span_id, 0u);
    EXPECT_TRUE(ids.insert(span.context.span_id).second) << span.name;
    if (&span == &process) continue;
    EXPECT_EQ(span.parent_span_id, process.context.span_id);
    EXPECT_EQ(span.kind, base::Span::Kind::kInternal);
  }
}

TEST_F(MessageSpansTest, TheySayWhoseMessageItWas) {
  Pass(5, 7, 0);
  const auto& attributes = Recorded("process echo").attributes;
  ASSERT_EQ(attributes.size(), 3u);
  EXPECT_EQ(attributes[0].first, "msgproc.session");
  EXPECT_EQ(std::get<std::string>(attributes[0].second), "till-7");
  EXPECT_EQ(attributes[1].first, "msgproc.sequence");
  EXPECT_EQ(std::get<int64_t>(attributes[1].second), 105);
  EXPECT_EQ(attributes[2].first, "msgproc.handler");
  EXPECT_EQ(std::get<std::string>(attributes[2].second), "echo");
}

TEST_F(MessageSpansTest, ABatchIsToldWhichOfItsMessagesAreTraced) {
  Accept(1, {0, 7, 0, 8, 9}, 0);
  const TracedMessages traced = GiveOut(2, 3, 1)->traced;
  ASSERT_EQ(traced.size(), 2u);
  EXPECT_EQ(traced[0].index, 0u);
  EXPECT_EQ(traced[0].sequence, 102u);
  EXPECT_EQ(traced[0].context.trace_id_high, 7u);
  EXPECT_EQ(traced[1].index, 2u);
  EXPECT_EQ(traced[1].sequence, 104u);
  // Under the span that it will be.
  Return(2);
  ASSERT_TRUE(Take(1, 3));
  spans_.OnWritten(At(3));
  EXPECT_EQ(Recorded("handler").context.span_id, traced[0].context.span_id);
}

TEST_F(MessageSpansTest, WhatAnExecutorHasNotedCounts) {
  Accept(1, {7, 8}, 0);
  Batch* const batch = GiveOut(1, 2, 10);
  batch->traced[1].begin = At(15);
  batch->traced[1].end = At(18);
  batch->traced[1].attempt = 3;
  batch->traced[1].worker_pid = 4711;
  batch->attempt = 2;
  Return(30);
  ASSERT_TRUE(Take(1, 2));
  spans_.OnWritten(At(40));
  EXPECT_THAT(Parts(), ElementsAre(Pair("process echo", 40), Pair("queue", 10),
                                   Pair("handler", 20), Pair("write", 10),
                                   Pair("process echo", 40), Pair("queue", 15),
                                   Pair("handler", 3), Pair("write", 22)));
  const auto& first = sink_.recorded[2].attributes;
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].first, "msgproc.attempt");
  EXPECT_EQ(std::get<int64_t>(first[0].second), 2);
  const auto& second = sink_.recorded[6].attributes;
  ASSERT_EQ(second.size(), 2u);
  EXPECT_EQ(std::get<int64_t>(second[0].second), 3);
  EXPECT_EQ(second[1].first, "process.pid");
  EXPECT_EQ(std::get<int64_t>(second[1].second), 4711);
}

TEST_F(MessageSpansTest, AFailureIsTheStatusOfTheMessageAndOfItsHandler) {
  Accept(1, {7, 8}, 0);
  GiveOut(1, 2, 1);
  Return(2);
  ASSERT_TRUE(Take(1, 2, /*failed=*/{2}));
  spans_.OnWritten(At(3));
  ASSERT_EQ(sink_.recorded.size(), 8u);
  for (size_t i = 0; i < 8; ++i) {
    const base::Span& span = sink_.recorded[i];
    const bool failed = i == 4 || i == 6;
    EXPECT_EQ(span.failed, failed) << i;
    EXPECT_EQ(span.error, failed ? "no such account" : "") << i;
  }
  const auto& attributes = sink_.recorded[4].attributes;
  ASSERT_EQ(attributes.size(), 4u);
  EXPECT_EQ(attributes[3].first, "rpc.grpc.status_code");
  EXPECT_EQ(std::get<int64_t>(attributes[3].second), 5);
}

TEST_F(MessageSpansTest, NotTheFailureOfAnotherMessage) {
  Accept(1, {0, 7, 0}, 0);
  GiveOut(1, 3, 1);
  Return(2);
  ASSERT_TRUE(Take(1, 3, /*failed=*/{1, 3}));
  spans_.OnWritten(At(3));
  EXPECT_FALSE(Recorded("process echo").failed);
}

TEST_F(MessageSpansTest, OnlyWhatWasWrittenIsRecorded) {
  Accept(1, {7, 8, 9}, 0);
  GiveOut(1, 3, 1);
  Return(2);
  ASSERT_TRUE(Take(1, 2));
  spans_.OnWritten(At(3));
  EXPECT_EQ(sink_.recorded.size(), 8u);
  EXPECT_EQ(spans_.open(), 1u);
  // A write of nothing that is traced.
  spans_.OnWritten(At(4));
  EXPECT_EQ(sink_.recorded.size(), 8u);
  ASSERT_TRUE(Take(3, 1));
  spans_.OnWritten(At(5));
  EXPECT_EQ(sink_.recorded.size(), 12u);
}

TEST_F(MessageSpansTest, AWriteBeforeTheFirstTracedMessageDoesNotCount) {
  Accept(1, {0, 0, 7}, 0);
  GiveOut(1, 3, 1);
  Return(2);
  EXPECT_FALSE(Take(1, 2));
  EXPECT_TRUE(Take(3, 1));
}

TEST_F(MessageSpansTest, AResultThatIsWrittenAgainIsRecordedOnce) {
  Accept(1, {7}, 0);
  GiveOut(1, 1, 1);
  Return(2);
  // The stream broke before it was written.
  ASSERT_TRUE(Take(1, 1));
  ASSERT_TRUE(Take(1, 1));
  spans_.OnWritten(At(9));
  EXPECT_EQ(sink_.recorded.size(), 4u);
  EXPECT_FALSE(Take(1, 1));
}

TEST_F(MessageSpansTest, MessagesThatComeBackUnhandledGoOutAgain) {
  Accept(1, {7, 8}, 0);
  Batch* const batch = GiveOut(1, 2, 10);
  batch->size = 1;
  Return(20);
  EXPECT_EQ(GiveOut(2, 1, 30)->traced.size(), 1u);
  Return(50);
  ASSERT_TRUE(Take(1, 2));
  spans_.OnWritten(At(60));
  EXPECT_THAT(Parts(), ElementsAre(Pair("process echo", 60), Pair("queue", 10),
                                   Pair("handler", 10), Pair("write", 40),
                                   Pair("process echo", 60), Pair("queue", 30),
                                   Pair("handler", 20), Pair("write", 10)));
}

TEST_F(StoredMessageSpansTest, WhatNobodyWillHearOfEndsWhereItIs) {
  Accept(1, {6, 7, 8, 9}, 0);
  GiveOut(1, 3, 10);
  batch_.size = 2;
  Return(20);
  spans_.OnCommitted(1, At(25));
  // The third is with a handler, the fourth waits.
  spans_.OnRestarted(At(40));
  EXPECT_THAT(Parts(),
              ElementsAre(Pair("process echo", 40), Pair("queue", 10),
                          Pair("handler", 10), Pair("commit", 5),
                          Pair("write", 15), Pair("process echo", 40),
                          Pair("queue", 10), Pair("handler", 10),
                          Pair("commit", 20), Pair("process echo", 40),
                          Pair("queue", 10), Pair("handler", 30),
                          Pair("process echo", 40), Pair("queue", 40)));
  for (const base::Span& span : sink_.recorded) {
    const bool whole = span.name == "process echo";
    EXPECT_EQ(span.failed, whole);
    EXPECT_EQ(
        span.error,
        whole ? "The client was gone before its result could leave." : "");
  }
  EXPECT_EQ(spans_.open(), 0u);
  // Another life begins at the same positions.
  sink_.recorded.clear();
  Accept(1, {7}, 50);
  EXPECT_EQ(spans_.open(), 1u);
  spans_.OnRestarted(At(60));
  spans_.OnRestarted(At(60));
  EXPECT_EQ(sink_.recorded.size(), 2u);
}

TEST_F(MessageSpansTest, AWriteThatEndsInAnotherLifeWasNotOfItsMessages) {
  Accept(1, {7}, 0);
  GiveOut(1, 1, 1);
  Return(2);
  ASSERT_TRUE(Take(1, 1));
  spans_.OnRestarted(At(3));
  Accept(1, {8}, 4);
  sink_.recorded.clear();
  spans_.OnWritten(At(5));
  EXPECT_THAT(sink_.recorded, IsEmpty());
  EXPECT_EQ(spans_.open(), 1u);
}

TEST_F(MessageSpansTest, NorWasABatchThatComesBackInOne) {
  Accept(1, {7}, 0);
  GiveOut(1, 1, 1)->traced[0].begin = At(1);
  spans_.OnRestarted(At(2));
  sink_.recorded.clear();
  Accept(1, {0, 9}, 3);
  Return(4);
  spans_.OnRestarted(At(10));
  // The second message has waited all the time.
  EXPECT_THAT(Parts(), ElementsAre(Pair("process echo", 7), Pair("queue", 7)));
}

TEST_F(MessageSpansTest, BeyondABoundMessagesAreNotTraced) {
  for (uint64_t i = 0; i < MessageSpans::kMaxMessages; ++i) {
    Accept(1 + i, {7}, 0);
  }
  EXPECT_EQ(sink_.unmade, 0u);
  Accept(1 + MessageSpans::kMaxMessages, {7, 0, 8}, 0);
  EXPECT_EQ(spans_.open(), MessageSpans::kMaxMessages);
  EXPECT_EQ(sink_.unmade, 8u);
}

TEST_F(StoredMessageSpansTest, ThatCountsTheCommitToo) {
  for (uint64_t i = 0; i <= MessageSpans::kMaxMessages; ++i) {
    Accept(1 + i, {7}, 0);
  }
  EXPECT_EQ(sink_.unmade, 5u);
}

// The headers of each result of the batch.
std::vector<std::vector<std::pair<std::string, std::string>>> HeadersOf(
    const Batch& batch) {
  std::vector<std::vector<std::pair<std::string, std::string>>> all;
  auto cursor = batch.results.At(batch.results.first_position());
  for (uint64_t i = 0; i < batch.size; ++i) {
    wire::ResultView result;
    EXPECT_TRUE(wire::ParseResult(batch.results.Next(&cursor), &result));
    EXPECT_EQ(result.sequence, 100 + batch.first_position + i);
    EXPECT_EQ(result.payload, "ok");
    auto& headers = all.emplace_back();
    for (const wire::HeaderView& header : result.headers()) {
      headers.emplace_back(std::string(header.key), std::string(header.value));
    }
  }
  return all;
}

TEST_F(MessageSpansTest, TheSpanIsAnsweredWhereItWasAskedFor) {
  Accept(1, {0, 7}, 0, true, /*wants_response=*/false);
  Accept(3, {8, 0, 9}, 0, true, /*wants_response=*/true);
  GiveOut(1, 5, 1);
  Return(2);
  const auto headers = HeadersOf(batch_);
  EXPECT_THAT(headers[0], IsEmpty());
  EXPECT_THAT(headers[1], IsEmpty());
  ASSERT_EQ(headers[2].size(), 1u);
  EXPECT_EQ(headers[2][0].first, "traceresponse");
  EXPECT_THAT(headers[3], IsEmpty());
  ASSERT_EQ(headers[4].size(), 1u);
  ASSERT_TRUE(Take(1, 5));
  spans_.OnWritten(At(3));
  // Each its own message's.
  EXPECT_EQ(headers[2][0].second, sink_.recorded[4].context.Traceparent());
  EXPECT_EQ(headers[4][0].second, sink_.recorded[8].context.Traceparent());
}

TEST_F(MessageSpansTest, WhatAWorkerHasCommittedStaysAsItIs) {
  Accept(1, {7}, 0, true, /*wants_response=*/true);
  GiveOut(1, 1, 1)->committed_by_worker = 1;
  Return(2);
  EXPECT_THAT(HeadersOf(batch_)[0], IsEmpty());
}

TEST_F(MessageSpansTest, AResultWithAsManyHeadersAsItMayHaveGetsNoMore) {
  for (const size_t count : {wire::kMaxHeaders - 1, wire::kMaxHeaders}) {
    const std::vector<wire::HeaderView> headers(count, {"k", "v"});
    const uint64_t position = count;
    Accept(position, {7}, 0, true, /*wants_response=*/true);
    GiveOut(position, 1, 1);
    wire::AppendResult(&batch_.results, 100 + position, "ok", headers);
    spans_.OnReturned(&batch_, At(2));
    EXPECT_EQ(HeadersOf(batch_)[0].size(), wire::kMaxHeaders);
  }
}

TEST_F(MessageSpansTest, NorOneWithAsManyBytesOfThem) {
  // "traceresponse", and a traceparent.
  constexpr size_t kOwn = 13 + 55;
  for (const size_t more : {0, 1}) {
    const std::string value(wire::kMaxHeaderBytes - kOwn - 1 + more, 'x');
    Accept(1 + more, {7}, 0, true, /*wants_response=*/true);
    GiveOut(1 + more, 1, 1);
    wire::AppendResult(&batch_.results, 101 + more, "ok", {{"k", value}});
    spans_.OnReturned(&batch_, At(2));
    EXPECT_EQ(HeadersOf(batch_)[0].size(), more == 0 ? 2u : 1u);
  }
}

}  // namespace
}  // namespace msgproc::processor
