// Many at once.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "services/processor/testing/processor_fixture.h"

namespace msgproc::processor {
namespace {

class StreamManyTest : public ProcessorFixture {};

TEST_F(StreamManyTest, AThousandStreamsAreAnsweredEach) {
  constexpr size_t kStreams = 1000;
  Start();
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < 10; ++i) channels.push_back(NewChannel(address()));
  std::vector<std::unique_ptr<RawStream>> streams;
  for (size_t i = 0; i < kStreams; ++i) {
    streams.push_back(std::make_unique<RawStream>(channels[i % 10]));
    const char* handler = i % 3 == 0 ? "echo" : i % 3 == 1 ? "pool" : "sha256";
    v1::ProcessRequest request = OpenRequest("s" + std::to_string(i), handler);
    request.MergeFrom(Messages(1, 3));
    ASSERT_TRUE(streams.back()->Write(request));
  }
  neighbour().Exchange();
  for (const auto& stream : streams) {
    EXPECT_EQ(stream->ReadResults(3).size(), 3U);
    EXPECT_EQ(stream->welcome()->state(), v1::Welcome::STATE_NEW);
  }
  EXPECT_EQ(counters().streams, static_cast<int64_t>(kStreams) + 1);
  for (const auto& stream : streams) {
    ASSERT_TRUE(stream->Acknowledge(3));
    stream->HalfClose();
  }
  for (const auto& stream : streams) {
    EXPECT_EQ(stream->Finish(), absl::OkStatus());
  }
  EXPECT_EQ(counters().sessions_detached, 0);
}

}  // namespace
}  // namespace msgproc::processor
