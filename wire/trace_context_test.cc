#include "wire/trace_context.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "wire/entry.h"
#include "wire/entry_log.h"

namespace msgproc::wire {
namespace {

// The Recommendation's own example.
constexpr char kExample[] =
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(TraceContextTest, ATraceparentIsReadAsTheRecommendationSays) {
  const auto context = ParseTraceparent(kExample);
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(context->trace_id_high, 0x0af7651916cd43ddu);
  EXPECT_EQ(context->trace_id_low, 0x8448eb211c80319cu);
  EXPECT_EQ(context->span_id, 0xb7ad6b7169203331u);
  EXPECT_TRUE(context->sampled);
}

TEST(TraceContextTest, WhatIsWrittenIsWhatWasRead) {
  for (const std::string& text :
       {std::string(kExample),
        std::string("00-00000000000000000000000000000001-0000000000000002-00"),
        std::string(
            "00-00000000000000010000000000000000-f000000000000000-01")}) {
    const auto context = ParseTraceparent(text);
    ASSERT_TRUE(context.has_value()) << text;
    EXPECT_EQ(context->Traceparent(), text);
    EXPECT_EQ(context->TraceId(), text.substr(3, 32));
  }
}

TEST(TraceContextTest, OnlyTheLastBitOfTheFlagsSaysSampled) {
  const std::string head =
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-";
  EXPECT_TRUE(ParseTraceparent(head + "01")->sampled);
  EXPECT_TRUE(ParseTraceparent(head + "ff")->sampled);
  EXPECT_FALSE(ParseTraceparent(head + "00")->sampled);
  EXPECT_FALSE(ParseTraceparent(head + "fe")->sampled);
}

TEST(TraceContextTest, WhatIsMalformedIsNoTraceparent) {
  for (const char* text : {
           "",
           "00",
           // Too short, too long.
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
           // Upper case, and no digits: in each field.
           "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319C-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-B7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0/",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0:",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0`",
           "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           // Other dashes.
           "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01",
           // Ids that name nothing.
           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
           // A version that there will never be.
           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
       }) {
    EXPECT_FALSE(ParseTraceparent(text).has_value()) << text;
  }
}

TEST(TraceContextTest, EachDigitCounts) {
  const std::string head =
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333";
  EXPECT_EQ(ParseTraceparent(head + "0-01")->span_id & 15, 0u);
  EXPECT_EQ(ParseTraceparent(head + "9-01")->span_id & 15, 9u);
  EXPECT_EQ(ParseTraceparent(head + "a-01")->span_id & 15, 10u);
  EXPECT_EQ(ParseTraceparent(head + "f-01")->span_id & 15, 15u);
}

TEST(TraceContextTest, ALaterVersionMaySayMore) {
  const std::string later = absl::StrCat("01", &kExample[2]);
  EXPECT_EQ(ParseTraceparent(later), ParseTraceparent(kExample));
  EXPECT_EQ(ParseTraceparent(later + "-what"), ParseTraceparent(kExample));
  EXPECT_FALSE(ParseTraceparent(later + ".what").has_value());
}

// Headers as they stand in an encoded message.
class TraceHeadersTest : public testing::Test {
 protected:
  TraceHeaders Read(const std::vector<HeaderView>& headers) {
    log_.Reset(1);
    AppendMessage(&log_, 1, "payload", headers);
    EntryLog::Cursor cursor = log_.At(1);
    MessageView message;
    EXPECT_TRUE(ParseMessage(log_.Next(&cursor), &message));
    return ReadTraceHeaders(message.headers());
  }

 private:
  EntryLog log_;
};

TEST_F(TraceHeadersTest, AMessageWithoutHeadersHasNoTrace) {
  const TraceHeaders read = Read({});
  EXPECT_FALSE(read.parent.has_value());
  EXPECT_EQ(read.state, "");
  EXPECT_FALSE(read.wants_response);
}

TEST_F(TraceHeadersTest, OtherHeadersSayNothingOfATrace) {
  const TraceHeaders read = Read({{"a", "1"}});
  EXPECT_FALSE(read.parent.has_value());
  EXPECT_EQ(read.state, "");
  EXPECT_FALSE(read.wants_response);
}

TEST_F(TraceHeadersTest, TheyAreFoundAmongOthers) {
  const TraceHeaders read = Read({{"a", "1"},
                                  {"tracestate", "rojo=00f067aa0ba902b7"},
                                  {"traceparent", kExample},
                                  {"traceresponse", ""},
                                  {"tracestate", "congo=t61"}});
  EXPECT_EQ(read.parent, ParseTraceparent(kExample));
  EXPECT_EQ(read.state, "rojo=00f067aa0ba902b7,congo=t61");
  EXPECT_TRUE(read.wants_response);
}

TEST_F(TraceHeadersTest, OfTwoParentsNeitherCounts) {
  EXPECT_FALSE(
      Read({{"traceparent", kExample}, {"traceparent", kExample}}).parent);
  EXPECT_FALSE(
      Read({{"traceparent", "nonsense"}, {"traceparent", kExample}}).parent);
}

TEST_F(TraceHeadersTest, AStateIsPassedOnAsLongAsItIsOne) {
  const std::string most(kMaxTracestateBytes, 'x');
  EXPECT_EQ(Read({{"tracestate", most}}).state, most);
  EXPECT_EQ(Read({{"tracestate", most + "x"}}).state, "");
  EXPECT_EQ(Read({{"tracestate", "a=\n"}}).state, "");
}

}  // namespace
}  // namespace msgproc::wire
