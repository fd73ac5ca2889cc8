#include "services/base/traces/otlp_request.h"

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "services/base/traces/span.h"

namespace msgproc::base {
namespace {

Span Example() {
  Span span;
  span.name = "process echo";
  span.kind = Span::Kind::kServer;
  span.context = {0x0102030405060708, 0x090a0b0c0d0e0f10, 0x1112131415161718,
                  true};
  span.parent_span_id = 0x2122232425262728;
  span.trace_state = "a=b";
  span.begin = absl::UnixEpoch() + absl::Nanoseconds(1500);
  span.end = absl::UnixEpoch() + absl::Nanoseconds(2500);
  span.attributes = {{"msgproc.session", std::string("till-7")},
                     {"msgproc.sequence", int64_t{7}}};
  return span;
}

otlp::Span Encoded(const Span& span) {
  const auto request =
      EncodeSpans({span}, {"shop", "p1", "1.2"}, absl::Seconds(1));
  EXPECT_EQ(request.resource_spans(0).scope_spans(0).spans_size(), 1);
  return request.resource_spans(0).scope_spans(0).spans(0);
}

TEST(OtlpRequestTest, ASpanIsWrittenAsOtlpHasIt) {
  const otlp::Span span = Encoded(Example());
  EXPECT_EQ(span.trace_id(),
            "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10");
  EXPECT_EQ(span.span_id(), "\x11\x12\x13\x14\x15\x16\x17\x18");
  EXPECT_EQ(span.parent_span_id(), "\x21\x22\x23\x24\x25\x26\x27\x28");
  EXPECT_EQ(span.trace_state(), "a=b");
  EXPECT_EQ(span.name(), "process echo");
  EXPECT_EQ(span.kind(), otlp::Span::SPAN_KIND_SERVER);
  EXPECT_EQ(span.start_time_unix_nano(), 1'000'001'500u);
  EXPECT_EQ(span.end_time_unix_nano(), 1'000'002'500u);
  EXPECT_EQ(span.flags(), 0x301u);
  EXPECT_FALSE(span.has_status());
  ASSERT_EQ(span.attributes_size(), 2);
  EXPECT_EQ(span.attributes(0).key(), "msgproc.session");
  EXPECT_EQ(span.attributes(0).value().string_value(), "till-7");
  EXPECT_EQ(span.attributes(1).value().int_value(), 7);
}

TEST(OtlpRequestTest, APartHasItsParentInThisProcess) {
  Span part = Example();
  part.kind = Span::Kind::kInternal;
  EXPECT_EQ(Encoded(part).kind(), otlp::Span::SPAN_KIND_INTERNAL);
  EXPECT_EQ(Encoded(part).flags(), 0x101u);
  part.context.sampled = false;
  EXPECT_EQ(Encoded(part).flags(), 0x100u);
}

TEST(OtlpRequestTest, AFailureIsItsStatus) {
  Span span = Example();
  span.failed = true;
  span.error = "no such account";
  EXPECT_EQ(Encoded(span).status().code(), otlp::Status::STATUS_CODE_ERROR);
  EXPECT_EQ(Encoded(span).status().message(), "no such account");
}

TEST(OtlpRequestTest, TextThatIsNotUtf8DoesNotSpoilTheRest) {
  Span span = Example();
  span.attributes[0].second = std::string("\xff");
  EXPECT_EQ(Encoded(span).attributes(0).value().string_value(), "(not UTF-8)");
}

TEST(OtlpRequestTest, WhoseSpansTheyAreIsSaidOnce) {
  const auto request = EncodeSpans({Example(), Example()},
                                   {"shop", "p1", "1.2"}, absl::Seconds(1));
  ASSERT_EQ(request.resource_spans_size(), 1);
  const otlp::ResourceSpans& ours = request.resource_spans(0);
  ASSERT_EQ(ours.resource().attributes_size(), 3);
  EXPECT_EQ(ours.resource().attributes(0).key(), "service.name");
  EXPECT_EQ(ours.resource().attributes(0).value().string_value(), "shop");
  EXPECT_EQ(ours.resource().attributes(1).key(), "service.instance.id");
  EXPECT_EQ(ours.resource().attributes(1).value().string_value(), "p1");
  EXPECT_EQ(ours.resource().attributes(2).key(), "service.version");
  EXPECT_EQ(ours.scope_spans(0).scope().name(), "msgproc");
  EXPECT_EQ(ours.scope_spans(0).spans_size(), 2);
}

}  // namespace
}  // namespace msgproc::base
