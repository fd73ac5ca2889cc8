// What handlers do reaches nobody but the message's own sender.
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/executors/handler_counters.h"
#include "services/processor/testing/processor_fixture.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;

class StreamHandlersTest : public ProcessorFixture {};

TEST_F(StreamHandlersTest, AHandlerThatThrows) {
  Start();
  RawStream stream(address());
  stream.Open(OpenRequest("s", "throw"));
  for (uint64_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(stream.Write(Messages(1 + i * 5, 5)));
    const std::vector<v1::Result> results = stream.ReadResults(5);
    ASSERT_EQ(results.size(), 5U);
    for (const v1::Result& result : results) {
      EXPECT_EQ(result.error().code(), 13);
      EXPECT_THAT(result.error().message(), HasSubstr("thrown by the handler"));
    }
  }
  EXPECT_EQ(counters().messages_error, 15U);
}

TEST_F(StreamHandlersTest, AHandlerThatReturnsTooMuch) {
  Start();
  RawStream stream(address());
  v1::ProcessRequest request = OpenRequest("s", "size");
  for (const char* size : {"10", "1048577", "nonsense", "1048576"}) {
    v1::Message* message = request.add_messages();
    message->set_sequence(static_cast<uint64_t>(request.messages_size()));
    message->set_payload(size);
  }
  ASSERT_TRUE(stream.Write(request));
  const std::vector<v1::Result> results = stream.ReadResults(4);
  ASSERT_EQ(results.size(), 4U);
  EXPECT_EQ(results[0].payload().size(), 10U);
  EXPECT_EQ(results[1].error().code(), 11);
  EXPECT_THAT(results[1].error().message(), HasSubstr("1048577 bytes"));
  EXPECT_EQ(results[2].error().code(), 3);
  EXPECT_EQ(results[3].payload().size(), 1048576U);
}

std::string PayloadOfOne(RawStream* stream, uint64_t sequence) {
  EXPECT_TRUE(stream->Write(Messages(sequence, 1)));
  const std::vector<v1::Result> results = stream->ReadResults(1);
  if (results.empty()) return "no result";
  for (const v1::Header& header : results[0].headers()) {
    EXPECT_EQ(header.key(), "peer");
    EXPECT_THAT(header.value(), HasSubstr("127.0.0.1:"));
  }
  return results[0].payload();
}

TEST_F(StreamHandlersTest, AHandlerIsToldWhoSendsItsMessages) {
  Start();
  for (const std::string handler : {"who", "whopool"}) {
    RawStream stream(address());
    v1::ProcessRequest open = OpenRequest("s-" + handler, handler);
    open.mutable_open()->set_client_name("till 3");
    stream.Open(open);
    EXPECT_EQ(PayloadOfOne(&stream, 1),
              absl::StrCat("s-", handler, "|till 3|anonymous|", handler,
                           "|1|s-", handler, "/1|wanted"));
  }
}

TEST_F(StreamHandlersTest, MessagesAreCountedByHandler) {
  Start();
  const auto handler = [&](const std::string& name) -> const HandlerCounters& {
    return (*server_->context()->FindHandler(name))->counters;
  };
  RawStream throws(address());
  throws.Open(OpenRequest("a", "throw"));
  ASSERT_TRUE(throws.Write(Messages(1, 2)));
  EXPECT_EQ(throws.ReadResults(2).size(), 2U);
  RawStream sees(address());
  sees.Open(OpenRequest("b", "seen"));
  ASSERT_TRUE(sees.Write(Messages(1, 3)));
  EXPECT_EQ(sees.ReadResults(3).size(), 3U);
  EXPECT_EQ(handler("throw").failed, 2U);
  EXPECT_EQ(handler("throw").ok, 0U);
  EXPECT_EQ(handler("seen").ok, 3U);
  EXPECT_EQ(handler("seen").failed, 0U);
  EXPECT_EQ(handler("sha256").ok, 0U);
  for (const auto* seconds :
       {&handler("seen").message_seconds, &handler("seen").handler_seconds}) {
    const std::vector<uint64_t> counts = seconds->Snapshot().counts;
    EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), uint64_t{0}), 3U);
  }
}

TEST_F(StreamHandlersTest, AMessageHasTheSameNameOnAnotherServer) {
  Start();
  const auto another = StartAnother();
  RawStream here(address());
  here.Open(OpenRequest("s", "who"));
  EXPECT_EQ(PayloadOfOne(&here, 1), "s|raw|anonymous|who|1|s/1|wanted");
  // It leaves with one message unanswered, and sends that again.
  RawStream there(another->address());
  v1::ProcessRequest open = OpenRequest("s", "who");
  open.set_received_through(1);
  there.Open(open);
  EXPECT_EQ(PayloadOfOne(&there, 2), "s|raw|anonymous|who|1|s/2|wanted");
}

TEST_F(StreamHandlersTest, AnswersFromOtherThreadsLeaveInOrder) {
  Start();
  RawStream stream(address());
  stream.Open(OpenRequest("s", "later"));
  for (uint64_t first = 1; first <= 1000; first += 100) {
    ASSERT_TRUE(stream.Write(Messages(first, 100)));
  }
  const std::vector<v1::Result> results = stream.ReadResults(1000);
  ASSERT_EQ(results.size(), 1000U);
  for (uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(results[i].sequence(), i + 1);
    EXPECT_EQ(results[i].payload(), PayloadOf(i + 1));
  }
}

TEST_F(StreamHandlersTest, ASlowHandlerHoldsUpNobodyElse) {
  Start();
  RawStream slow(address());
  slow.Open(OpenRequest("s", "gate"));
  ASSERT_TRUE(slow.Write(Messages(1, 100)));
  // Every thread of the pool is taken.
  ASSERT_TRUE(gate_.Await(2));
  for (int i = 0; i < 20; ++i) neighbour().Exchange();
  gate_.Open();
  EXPECT_EQ(slow.ReadResults(100).size(), 100U);
}

TEST_F(StreamHandlersTest, ResultsLeaveInOrderHoweverLongEachTakes) {
  Start();
  RawStream opened(address());
  opened.Open(OpenRequest("s", "jitter"));
  for (uint64_t i = 0; i < 10; ++i) {
    ASSERT_TRUE(opened.Write(Messages(1 + i * 50, 50)));
  }
  uint64_t expected = 0;
  for (const v1::Result& result : opened.ReadResults(500)) {
    EXPECT_EQ(result.sequence(), ++expected);
    EXPECT_EQ(result.payload(), PayloadOf(expected));
  }
  EXPECT_EQ(expected, 500U);
}

TEST_F(StreamHandlersTest, AnonymousResultsLeaveInOrderToo) {
  options_.streams.default_handler = "jitter";
  Start();
  RawStream stream(address());
  for (uint64_t i = 0; i < 10; ++i) {
    ASSERT_TRUE(stream.Write(Messages(1 + i * 20, 20)));
  }
  stream.HalfClose();
  EXPECT_EQ(stream.ReadToEnd(), Range(1, 200));
  EXPECT_EQ(stream.Finish(), absl::OkStatus());
}

TEST_F(StreamHandlersTest, HeadersTravelBothWays) {
  Start();
  RawStream stream(address());
  v1::ProcessRequest request = Messages(1, 1);
  v1::Header* header = request.mutable_messages(0)->add_headers();
  header->set_key("trace");
  header->set_value("\xff\x01");
  ASSERT_TRUE(stream.Write(request));
  const std::vector<v1::Result> results = stream.ReadResults(1);
  ASSERT_EQ(results[0].headers_size(), 1);
  EXPECT_EQ(results[0].headers(0).value(), "\xff\x01");
}

}  // namespace
}  // namespace msgproc::processor
