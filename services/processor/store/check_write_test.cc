#include "services/processor/store/check_write.h"

#include <cstdint>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

using ::testing::HasSubstr;

SessionWrite Results(uint64_t first, uint64_t through, uint64_t trim = 0) {
  return {.session_id = "s",
          .epoch = 1,
          .first = first,
          .through = through,
          .trim_through = trim};
}

TEST(CheckWriteTest, ResultsFollowWhatIsCommitted) {
  EXPECT_TRUE(CheckWrite(Results(1, 1), 0).ok());
  EXPECT_TRUE(CheckWrite(Results(8, 9), 7).ok());
}

TEST(CheckWriteTest, NeitherAGapNorARepetition) {
  const absl::Status gap = CheckWrite(Results(9, 9), 7);
  EXPECT_EQ(gap.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(gap.message(), HasSubstr("results 9 to 9 of session 's'"));
  EXPECT_THAT(gap.message(), HasSubstr("up to 7"));
  EXPECT_FALSE(CheckWrite(Results(7, 9), 7).ok());
}

TEST(CheckWriteTest, WhatAWorkerHasCommittedIsWhatIsThereLast) {
  SessionWrite write = Results(5, 7);
  write.by_worker = true;
  EXPECT_TRUE(CheckWrite(write, 7).ok());
  for (const uint64_t committed : {4, 6, 8}) {
    const absl::Status status = CheckWrite(write, committed);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(status.message(), HasSubstr("has answered messages 5 to 7"));
  }
}

TEST(CheckWriteTest, WithoutResultsNothingNeedsToFollow) {
  EXPECT_TRUE(CheckWrite(Results(1, 0), 7).ok());
  EXPECT_TRUE(CheckWrite(Results(1, 0, 7), 7).ok());
  EXPECT_FALSE(CheckWrite(Results(1, 0, 8), 7).ok());
}

TEST(CheckWriteTest, WhatIsCommittedJustNowMayBeTrimmed) {
  EXPECT_TRUE(CheckWrite(Results(8, 9, 9), 7).ok());
  EXPECT_FALSE(CheckWrite(Results(8, 9, 10), 7).ok());
}

}  // namespace
}  // namespace msgproc::processor
