#include "services/base/flag_value.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/flag_parser.h"

ABSL_FLAG(uint64_t, test_messages, 1, "For the test.");
ABSL_FLAG(int, test_workers, 1, "For the test.");
ABSL_FLAG(std::optional<uint64_t>, test_maybe, std::nullopt, "For the test.");
ABSL_FLAG(double, test_rate, 1, "For the test.");
ABSL_FLAG(absl::Duration, test_timeout, absl::Seconds(1), "For the test.");
ABSL_FLAG(bool, test_loud, false, "For the test.");

namespace msgproc::base {
namespace {

using testing::HasSubstr;

std::string Refusal(const std::string& argument) {
  const absl::Status status = ParseFlags({argument});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << argument;
  return std::string(status.message());
}

TEST(FlagValueTest, CountsTakeThousandsAndMillions) {
  EXPECT_EQ(ParseCount("7"), 7);
  EXPECT_EQ(ParseCount("10k"), 10'000);
  EXPECT_EQ(ParseCount("1.5M"), 1'500'000);
  EXPECT_EQ(ParseCount("-2k"), -2'000);
  for (const char* wrong : {"", "k", "10K", "10kk", "many", "1e999", "inf"}) {
    EXPECT_EQ(ParseCount(wrong), std::nullopt) << wrong;
  }
  EXPECT_EQ(CountInDigits("1.1k"), "1100");
  EXPECT_EQ(CountInDigits("0.0005k"), std::nullopt);
  EXPECT_EQ(CountInDigits("10"), std::nullopt);
}

TEST(FlagValueTest, EveryNumericFlagTakesThem) {
  ASSERT_TRUE(ParseFlags({"--test_messages=10k", "--test_workers", "2k",
                          "--test_maybe=1M", "--test_rate=2.5k"})
                  .ok());
  EXPECT_EQ(absl::GetFlag(FLAGS_test_messages), 10'000U);
  EXPECT_EQ(absl::GetFlag(FLAGS_test_workers), 2'000);
  EXPECT_EQ(absl::GetFlag(FLAGS_test_maybe), 1'000'000U);
  EXPECT_EQ(absl::GetFlag(FLAGS_test_rate), 2'500);
}

TEST(FlagValueTest, ALengthOfTimeWithoutAUnitIsToldTheUnit) {
  EXPECT_THAT(Refusal("--test_timeout=30"),
              HasSubstr("cannot be \"30\": give a unit, as in 30s"));
  EXPECT_THAT(Refusal("--test_timeout=1.5"), HasSubstr("as in 1.5s"));
  EXPECT_THAT(Refusal("--test_timeout=soon"), HasSubstr("500ms, 30s or 5m"));
}

TEST(FlagValueTest, WhatIsNoNumberIsToldHowToWriteOne) {
  EXPECT_THAT(Refusal("--test_messages=many"),
              HasSubstr("give a whole number, as in 500, 10k or 2M"));
  EXPECT_THAT(Refusal("--test_messages=-5"), HasSubstr("must not be negative"));
  EXPECT_THAT(Refusal("--test_messages=0.5"), HasSubstr("a whole number"));
  EXPECT_THAT(Refusal("--test_maybe=1.2345k"), HasSubstr("a whole number"));
  EXPECT_THAT(Refusal("--test_workers=3000M"), HasSubstr("too large"));
  EXPECT_THAT(Refusal("--test_rate=fast"), HasSubstr("give a number"));
  EXPECT_THAT(Refusal("--test_loud=maybe"), HasSubstr("give true or false"));
}

}  // namespace
}  // namespace msgproc::base
