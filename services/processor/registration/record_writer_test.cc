#include "services/processor/registration/record_writer.h"

#include <cstdint>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using testing::HasSubstr;

constexpr absl::Duration kMoment = absl::Milliseconds(1);
constexpr absl::Duration kInterval = absl::Seconds(2);

class RecordWriterTest : public testing::Test {
 protected:
  RecordWriterTest() {
    report_.set_address("a:1");
    report_.set_state(v1::SERVER_STATE_SERVING);
    report_.set_sessions(1000);
    EXPECT_TRUE(Offers());
  }

  bool Offers(bool urgent = false) {
    return writer_.Offer(now_, report_, urgent);
  }

  absl::Time now_ = absl::UnixEpoch();
  v1::RegisterRequest report_;
  RecordWriter writer_{kInterval};
};

TEST_F(RecordWriterTest, WritesWhatItIsGivenFirst) {
  EXPECT_THAT(writer_.record(), HasSubstr("a:1"));
}

TEST_F(RecordWriterTest, DoesNotWriteTheSameAgain) {
  now_ += absl::Hours(1);
  EXPECT_FALSE(Offers());
  EXPECT_FALSE(Offers(/*urgent=*/true));
}

TEST_F(RecordWriterTest, WritesSmallChangesOnceAnInterval) {
  report_.set_sessions(1001);
  report_.set_utilization(0.5);
  now_ += kInterval - kMoment;
  EXPECT_FALSE(Offers());
  EXPECT_THAT(writer_.record(), HasSubstr("\"1000\""));
  now_ += kMoment;
  EXPECT_TRUE(Offers());
  EXPECT_THAT(writer_.record(), HasSubstr("\"1001\""));
  report_.set_sessions(1002);
  EXPECT_FALSE(Offers());
}

TEST_F(RecordWriterTest, WritesMuchMoreSessionsFiveTimesASecondAtMost) {
  for (const uint64_t sessions : {1020, 999, 979}) {
    report_.set_sessions(sessions);
    now_ += RecordWriter::kTick - kMoment;
    EXPECT_FALSE(Offers());
    now_ += kMoment;
    EXPECT_TRUE(Offers()) << sessions;
  }
  report_.set_sessions(998);
  now_ += RecordWriter::kTick;
  EXPECT_FALSE(Offers());
}

TEST_F(RecordWriterTest, FromNoneTheFirstSessionIsMuch) {
  report_.set_sessions(0);
  now_ += kInterval;
  EXPECT_TRUE(Offers());
  report_.set_sessions(1);
  now_ += RecordWriter::kTick;
  EXPECT_TRUE(Offers());
}

TEST_F(RecordWriterTest, WritesAnotherStateAtOnce) {
  report_.set_state(v1::SERVER_STATE_DRAINING);
  EXPECT_TRUE(Offers());
  report_.set_cordoned(true);
  EXPECT_TRUE(Offers());
}

TEST_F(RecordWriterTest, WritesAtOnceForWhoeverWaits) {
  report_.set_sessions(1001);
  EXPECT_FALSE(Offers());
  EXPECT_TRUE(Offers(/*urgent=*/true));
}

}  // namespace
}  // namespace msgproc::processor
