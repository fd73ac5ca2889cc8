#include "services/processor/stream/stream_ages.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"

namespace msgproc::processor {
namespace {

std::vector<absl::Duration> Draw(absl::Duration max_age, uint64_t seed) {
  StreamAges ages(max_age, seed);
  std::vector<absl::Duration> drawn(1000);
  std::generate(drawn.begin(), drawn.end(), [&ages] { return ages.Next(); });
  return drawn;
}

TEST(StreamAgesTest, AreWithinATenthAndAllOverIt) {
  const auto drawn = Draw(absl::Minutes(100), 1);
  const auto [least, most] = std::minmax_element(drawn.begin(), drawn.end());
  EXPECT_GE(*least, absl::Minutes(90));
  EXPECT_LT(*least, absl::Minutes(91));
  EXPECT_LE(*most, absl::Minutes(110));
  EXPECT_GT(*most, absl::Minutes(109));
}

TEST(StreamAgesTest, AreTheSeeds) {
  EXPECT_EQ(Draw(absl::Minutes(1), 7), Draw(absl::Minutes(1), 7));
  EXPECT_NE(Draw(absl::Minutes(1), 7), Draw(absl::Minutes(1), 8));
}

TEST(StreamAgesTest, WithoutAMostThereIsNone) {
  StreamAges ages(absl::ZeroDuration(), 1);
  EXPECT_EQ(ages.Next(), absl::InfiniteDuration());
}

}  // namespace
}  // namespace msgproc::processor
