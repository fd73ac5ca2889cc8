#include "services/processor/workers/line_codec.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/workers/testing/worker_batches.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LineCodecTest : public ::testing::Test {
 protected:
  LineCodecTest() { binding_.max_payload_bytes = 10; }

  std::string Give(WorkerBatch* work) {
    std::vector<OutFrame> frames;
    std::vector<ResponseTracker::Expected> expected;
    codec_.Encode({.item = &work->item, .messages = work->item.remaining()},
                  &frames, &expected);
    for (const auto& one : expected) responses_.Expect(one, absl::UnixEpoch());
    EXPECT_EQ(frames.size(), 1u);
    EXPECT_TRUE(frames[0].pieces.empty());
    return frames[0].head;
  }
  absl::StatusOr<size_t> Say(const std::string& bytes) {
    return codec_.Decode(bytes, absl::UnixEpoch() + absl::Seconds(1),
                         &responses_);
  }

  HandlerBinding binding_;
  LineCodec codec_{10};
  ResponseTracker responses_;
};

TEST_F(LineCodecTest, SendsALineAMessageAndTakesOneBack) {
  const auto work = MakeWorkerBatch(&binding_, {"one", "", "three"}, 5);
  EXPECT_EQ(Give(work.get()), "one\n\nthree\n");
  EXPECT_EQ(Say("ONE\n\nTHR").value(), 5u);
  EXPECT_EQ(Say("THREE\n").value(), 6u);
  std::vector<uint64_t> answered;
  responses_.TakeAnswered(&answered);
  EXPECT_THAT(answered, ElementsAre(2, 1));
  const auto results = ResultsOf(work->batch->results);
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].payload(), "ONE");
  EXPECT_EQ(results[0].sequence(), 5u);
  EXPECT_EQ(results[1].payload(), "");
  EXPECT_EQ(results[2].payload(), "THREE");
}

TEST_F(LineCodecTest, RefusesALineThatNobodyWaitsFor) {
  const auto work = MakeWorkerBatch(&binding_, {"one"});
  Give(work.get());
  EXPECT_THAT(Say("ONE\nTWO\n").status().message(), HasSubstr("TWO"));
  EXPECT_EQ(ResultsOf(work->batch->results).size(), 1u);
}

TEST_F(LineCodecTest, TurnsALineThatIsTooLongIntoAnErrorAndKeepsNoneOfIt) {
  const auto work = MakeWorkerBatch(&binding_, {"a", "b"});
  Give(work.get());
  EXPECT_EQ(Say("0123456789").value(), 0u);
  EXPECT_EQ(Say("01234567890").value(), 11u);
  EXPECT_EQ(Say("123").value(), 3u);
  EXPECT_EQ(Say("45\nfine\n").value(), 8u);
  const auto results = ResultsOf(work->batch->results);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].error().code(), 11);
  EXPECT_THAT(results[0].error().message(), HasSubstr("16 bytes"));
  EXPECT_EQ(results[1].payload(), "fine");
}

TEST_F(LineCodecTest, KnowsWhatFitsInALine) {
  EXPECT_TRUE(LineCodec::Fits(""));
  EXPECT_TRUE(LineCodec::Fits("a\rb"));
  EXPECT_FALSE(LineCodec::Fits("a\nb"));
}

}  // namespace
}  // namespace msgproc::processor
