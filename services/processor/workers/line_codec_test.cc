#include "services/processor/workers/line_codec.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/processor/workers/testing/parcels.h"

namespace msgproc::processor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LineCodecTest : public ::testing::Test {
 protected:
  LineCodecTest() { binding_.max_payload_bytes = 10; }

  std::string Give(Parcel* parcel) {
    std::vector<OutFrame> frames;
    std::vector<AnswerBook::Owed> owed;
    codec_.Encode(parcel, parcel->remaining(), false, &frames, &owed);
    for (const auto& one : owed) book_.Owe(one, absl::UnixEpoch());
    EXPECT_EQ(frames.size(), 1u);
    EXPECT_TRUE(frames[0].pieces.empty());
    return frames[0].head;
  }
  absl::StatusOr<size_t> Say(const std::string& bytes) {
    return codec_.Decode(bytes, absl::UnixEpoch() + absl::Seconds(1), &book_);
  }

  HandlerBinding binding_;
  LineCodec codec_{10};
  AnswerBook book_;
};

TEST_F(LineCodecTest, SendsALineAMessageAndTakesOneBack) {
  const auto parcel = MakeParcel(&binding_, {"one", "", "three"}, 5);
  EXPECT_EQ(Give(parcel.get()), "one\n\nthree\n");
  EXPECT_EQ(Say("ONE\n\nTHR").value(), 5u);
  EXPECT_EQ(Say("THREE\n").value(), 6u);
  std::vector<uint64_t> answered;
  book_.TakeAnswered(&answered);
  EXPECT_THAT(answered, ElementsAre(2, 1));
  const auto results = ResultsOf(parcel->batch->results);
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].payload(), "ONE");
  EXPECT_EQ(results[0].sequence(), 5u);
  EXPECT_EQ(results[1].payload(), "");
  EXPECT_EQ(results[2].payload(), "THREE");
}

TEST_F(LineCodecTest, RefusesALineThatNobodyWaitsFor) {
  const auto parcel = MakeParcel(&binding_, {"one"});
  Give(parcel.get());
  EXPECT_THAT(Say("ONE\nTWO\n").status().message(), HasSubstr("TWO"));
  EXPECT_EQ(ResultsOf(parcel->batch->results).size(), 1u);
}

TEST_F(LineCodecTest, TurnsALineThatIsTooLongIntoAnErrorAndKeepsNoneOfIt) {
  const auto parcel = MakeParcel(&binding_, {"a", "b"});
  Give(parcel.get());
  EXPECT_EQ(Say("0123456789").value(), 0u);
  EXPECT_EQ(Say("01234567890").value(), 11u);
  EXPECT_EQ(Say("123").value(), 3u);
  EXPECT_EQ(Say("45\nfine\n").value(), 8u);
  const auto results = ResultsOf(parcel->batch->results);
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
