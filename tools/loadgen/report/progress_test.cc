#include "tools/loadgen/report/progress.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

TEST(ProgressTest, ShowsTheRateSinceTheLastLineAndTheShareDone) {
  Phase phase;
  phase.messages = 10'000;
  Progress progress("", phase, /*terminal=*/false);
  EXPECT_EQ(progress.Line(kSecond, 2'000),
            "1.0 s  2,000 answered  2,000/s  20 %");
  EXPECT_EQ(progress.Line(3 * kSecond, 10'000),
            "3.0 s  10,000 answered  4,000/s  100 %");
}

TEST(ProgressTest, ATimedPhaseIsMeasuredByItsTime) {
  Phase phase;
  phase.duration = absl::Seconds(10);
  Progress progress("warm-up", phase, /*terminal=*/false);
  EXPECT_EQ(progress.Line(kSecond, 50),
            "warm-up  1.0 s  50 answered  50/s  10 %");
}

TEST(ProgressTest, AnEndlessInputHasNoShare) {
  Progress progress("", Phase(), /*terminal=*/false);
  EXPECT_EQ(progress.Line(kSecond, 50), "1.0 s  50 answered  50/s");
}

}  // namespace
}  // namespace msgproc::loadgen
