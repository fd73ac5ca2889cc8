#include "services/processor/stream/stream_trace.h"

#include <map>
#include <string>

#include "grpcpp/support/string_ref.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using Metadata = std::multimap<grpc::string_ref, grpc::string_ref>;

constexpr char kTrace[] = "0af7651916cd43dd8448eb211c80319c";
constexpr char kParent[] =
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(StreamTraceTest, IsThatOfTheTraceparentInTheMetadata) {
  EXPECT_EQ(StreamTraceId({{"user-agent", "grpc"}, {"traceparent", kParent}}),
            kTrace);
}

TEST(StreamTraceTest, IsKnownWhetherItIsSampledOrNot) {
  std::string parent = kParent;
  parent.back() = '0';
  EXPECT_EQ(StreamTraceId({{"traceparent", parent}}), kTrace);
}

TEST(StreamTraceTest, MayBeMissing) {
  EXPECT_EQ(StreamTraceId({}), "");
  EXPECT_EQ(StreamTraceId({{"tracestate", "a=b"}, {"x-traceparent", kParent}}),
            "");
}

TEST(StreamTraceTest, IsNoneWhereItIsMalformed) {
  for (const char* const parent :
       {"", "nonsense",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}) {
    EXPECT_EQ(StreamTraceId({{"traceparent", parent}}), "") << parent;
  }
}

TEST(StreamTraceTest, SeveralAreNone) {
  EXPECT_EQ(StreamTraceId({{"traceparent", kParent}, {"traceparent", kParent}}),
            "");
}

// A value is not terminated: what follows it in memory is not part of it.
TEST(StreamTraceTest, ReadsNoFurtherThanTheValue) {
  const std::string more = std::string(kParent) + "0";
  const grpc::string_ref value(more.data(), more.size() - 1);
  EXPECT_EQ(StreamTraceId(Metadata{{"traceparent", value}}), kTrace);
}

}  // namespace
}  // namespace msgproc::processor
