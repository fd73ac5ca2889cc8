#include "common/check.h"

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace msgproc {
namespace {

enum class Phase { kOpen, kClosed };

TEST(CheckTest, WhatHoldsIsSilent) {
  MSGPROC_CHECK(true);
  MSGPROC_CHECK_EQ(1, 1);
  MSGPROC_CHECK_NE(1, 2);
  MSGPROC_CHECK_LT(1, 2);
  MSGPROC_CHECK_LE(2, 2);
  MSGPROC_CHECK_GT(2, 1);
  MSGPROC_CHECK_GE(2, 2);
}

TEST(CheckDeathTest, WhatDoesNotHoldAbortsWithTheConditionAndThePlace) {
  const bool open = false;
  EXPECT_DEATH(MSGPROC_CHECK(open), "check_test.cc:.*does not: open");
}

TEST(CheckDeathTest, AComparisonPrintsItsValues) {
  const uint64_t received = 9;
  EXPECT_DEATH(MSGPROC_CHECK_LE(received, uint64_t{7}), R"(\(9 and 7\))");
  EXPECT_DEATH(MSGPROC_CHECK_EQ(Phase::kOpen, Phase::kClosed),
               R"(\(0 and 1\))");
  EXPECT_DEATH(MSGPROC_CHECK_GT(absl::Seconds(1), absl::Minutes(1)),
               R"(\(1s and 1m\))");
  EXPECT_DEATH(MSGPROC_CHECK_EQ(std::string("a"), "b"), R"(\(a and b\))");
}

TEST(CheckDeathTest, APointerIsPrintedAsItsAddressOrNull) {
  const std::unique_ptr<int> none;
  EXPECT_DEATH(MSGPROC_CHECK_NE(none.get(), nullptr), R"(\(null and null\))");
}

TEST(CheckTest, OperandsAreEvaluatedOnce) {
  int evaluated = 0;
  MSGPROC_CHECK_EQ(++evaluated, 1);
  EXPECT_EQ(evaluated, 1);
}

TEST(CheckTest, ACheckOfDebugBuildsEvaluatesNothingElsewhere) {
  int evaluated = 0;
  MSGPROC_DCHECK(++evaluated > 0);
#ifdef NDEBUG
  EXPECT_EQ(evaluated, 0);
#else
  EXPECT_EQ(evaluated, 1);
#endif
}

}  // namespace
}  // namespace msgproc
