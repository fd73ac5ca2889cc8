#include "tools/loadgen/stream/checker.h"

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

constexpr uint64_t kStream = 3;
constexpr uint64_t kSent = 10;

class CheckerTest : public testing::Test {
 protected:
  std::string Payload(uint64_t sequence) {
    std::string buffer = payloads_.NewBuffer();
    payloads_.Stamp(kStream, sequence, &buffer);
    return buffer;
  }
  bool Answer(uint64_t sequence) {
    return checker_.Check(sequence, kSent, StatusCode::kOk, "",
                          Payload(sequence));
  }

  const Payloads payloads_{1, 64};
  Checker checker_{kStream, Expectation::kEcho, &payloads_};
};

TEST_F(CheckerTest, EverythingAnsweredOnceAndInOrderIsClean) {
  for (uint64_t sequence = 1; sequence <= kSent; ++sequence) {
    EXPECT_TRUE(Answer(sequence));
  }
  Tally tally = checker_.TakeTally();
  tally.sent = kSent;
  EXPECT_EQ(tally.answered, kSent);
  EXPECT_TRUE(tally.clean());
}

TEST_F(CheckerTest, AMessageWithoutAResultIsLost) {
  Answer(1);
  Answer(3);
  Tally tally = checker_.TakeTally();
  tally.sent = 3;
  EXPECT_EQ(tally.answered, 2U);
  EXPECT_EQ(tally.lost(), 1U);
  EXPECT_FALSE(tally.clean());
}

TEST_F(CheckerTest, ASecondResultIsADuplicateAndNotAnAnswer) {
  EXPECT_TRUE(Answer(1));
  EXPECT_FALSE(Answer(1));
  const Tally tally = checker_.TakeTally();
  EXPECT_EQ(tally.answered, 1U);
  EXPECT_EQ(tally.duplicated, 1U);
}

TEST_F(CheckerTest, ResultsOutOfOrderAreAnswersAndReported) {
  EXPECT_TRUE(Answer(2));
  EXPECT_TRUE(Answer(1));
  Tally tally = checker_.TakeTally();
  tally.sent = 2;
  EXPECT_EQ(tally.out_of_order, 1U);
  EXPECT_EQ(tally.lost(), 0U);
  EXPECT_FALSE(tally.clean());
}

TEST_F(CheckerTest, AnotherMessagesPayloadIsWrong) {
  EXPECT_TRUE(checker_.Check(1, kSent, StatusCode::kOk, "", Payload(2)));
  const Tally tally = checker_.TakeTally();
  EXPECT_EQ(tally.wrong, 1U);
  EXPECT_THAT(tally.first_wrong, HasSubstr("stream 3, message 1"));
}

TEST_F(CheckerTest, AResultOfAMessageNeverSentIsWrong) {
  EXPECT_FALSE(Answer(kSent + 1));
  const Tally tally = checker_.TakeTally();
  EXPECT_EQ(tally.wrong, 1U);
  EXPECT_EQ(tally.answered, 0U);
}

TEST_F(CheckerTest, ErrorsAreCountedByCodeAndText) {
  checker_.Check(1, kSent, StatusCode::kInternal, "boom", "");
  checker_.Check(2, kSent, StatusCode::kInternal, "boom", "");
  checker_.Check(3, kSent, StatusCode::kAborted, "killed its worker", "");
  const Tally tally = checker_.TakeTally();
  EXPECT_EQ(tally.failed, 3U);
  EXPECT_EQ(tally.wrong, 0U);
  EXPECT_EQ(tally.errors.at({StatusCode::kInternal, "boom"}), 2U);
  EXPECT_EQ(tally.errors.size(), 2U);
}

TEST_F(CheckerTest, ManyKindsOfErrorsTakeBoundedMemory) {
  Checker checker(kStream, Expectation::kEcho, &payloads_);
  for (uint64_t sequence = 1; sequence <= 1000; ++sequence) {
    checker.Check(sequence, 1000, StatusCode::kInternal,
                  absl::StrCat("message ", sequence, std::string(1000, 'x')),
                  "");
  }
  const Tally tally = checker.TakeTally();
  EXPECT_EQ(tally.failed, 1000U);
  EXPECT_LE(tally.errors.size(), Tally::kMaxErrorKinds + 1);
  for (const auto& [key, times] : tally.errors) {
    EXPECT_LE(key.second.size(), Tally::kMaxTextBytes);
  }
}

TEST_F(CheckerTest, ATakenTallyLeavesTheSequencesAsTheyWere) {
  Answer(1);
  checker_.TakeTally();
  EXPECT_FALSE(Answer(1));
  EXPECT_TRUE(Answer(2));
  const Tally tally = checker_.TakeTally();
  EXPECT_EQ(tally.answered, 1U);
  EXPECT_EQ(tally.duplicated, 1U);
}

TEST_F(CheckerTest, UppercaseAndDigestsAreChecked) {
  Checker uppercase(kStream, Expectation::kUppercase, &payloads_);
  Checker sha256(kStream, Expectation::kSha256, &payloads_);
  for (uint64_t sequence = 1; sequence <= 3; ++sequence) {
    uppercase.Check(sequence, kSent, StatusCode::kOk, "",
                    ExpectedResult(Expectation::kUppercase, Payload(sequence)));
    sha256.Check(sequence, kSent, StatusCode::kOk, "",
                 ExpectedResult(Expectation::kSha256, Payload(sequence)));
  }
  EXPECT_EQ(uppercase.TakeTally().wrong, 0U);
  EXPECT_EQ(sha256.TakeTally().wrong, 0U);
  uppercase.Check(4, kSent, StatusCode::kOk, "", Payload(4));
  sha256.Check(4, kSent, StatusCode::kOk, "", Payload(4));
  EXPECT_EQ(uppercase.TakeTally().wrong, 1U);
  EXPECT_EQ(sha256.TakeTally().wrong, 1U);
}

TEST_F(CheckerTest, AnUnknownHandlersPayloadsAreNotChecked) {
  Checker checker(kStream, Expectation::kUnchecked, &payloads_);
  checker.Check(1, kSent, StatusCode::kOk, "", "anything");
  EXPECT_EQ(checker.TakeTally().wrong, 0U);
}

TEST(LineCheckerTest, LinesAreCheckedThroughTheWholeWindow) {
  Checker checker(0, Expectation::kUppercase, 4);
  for (uint64_t sequence = 1; sequence <= 4; ++sequence) {
    checker.Expect(sequence, absl::StrCat("line ", sequence));
  }
  for (uint64_t sequence = 1; sequence <= 100; ++sequence) {
    checker.Check(sequence, 104, StatusCode::kOk, "",
                  absl::StrCat("LINE ", sequence));
    checker.Expect(sequence + 4, absl::StrCat("line ", sequence + 4));
  }
  checker.Check(101, 104, StatusCode::kOk, "", "LINE 1");
  const Tally tally = checker.TakeTally();
  EXPECT_EQ(tally.answered, 101U);
  EXPECT_EQ(tally.wrong, 1U);
}

TEST(LineCheckerTest, GoesOnWhereEarlierRunsWere) {
  Checker checker(0, Expectation::kEcho, 4);
  checker.GoOn(/*answered=*/5, /*sent=*/7);
  checker.Expect(8, "eight");
  // Of these it does not know what was sent.
  EXPECT_TRUE(checker.Check(6, 8, absl::StatusCode::kOk, "", "any"));
  EXPECT_TRUE(checker.Check(7, 8, absl::StatusCode::kOk, "", "thing"));
  EXPECT_TRUE(checker.Check(8, 8, absl::StatusCode::kOk, "", "not eight"));
  EXPECT_FALSE(checker.Check(5, 8, absl::StatusCode::kOk, "", "again"));
  const Tally tally = checker.TakeTally();
  EXPECT_EQ(tally.answered, 3U);
  EXPECT_EQ(tally.wrong, 1U);
  EXPECT_EQ(tally.duplicated, 1U);
  EXPECT_EQ(tally.out_of_order, 0U);
}

}  // namespace
}  // namespace msgproc::loadgen
