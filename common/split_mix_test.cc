#include "common/split_mix.h"

#include <array>
#include <cstdint>

#include "gtest/gtest.h"

namespace msgproc {
namespace {

std::array<uint64_t, 3> FirstOf(uint64_t seed) {
  std::array<uint64_t, 3> numbers;
  for (uint64_t& number : numbers) number = SplitMix64(&seed);
  return numbers;
}

// Of the authors' own program, splitmix64.c.
TEST(SplitMixTest, GivesTheReferencesNumbers) {
  EXPECT_EQ(FirstOf(0),
            (std::array<uint64_t, 3>{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4,
                                     0x06c45d188009454f}));
  EXPECT_EQ(FirstOf(1234567),
            (std::array<uint64_t, 3>{6457827717110365317u, 3203168211198807973u,
                                     9817491932198370423u}));
}

TEST(SplitMixTest, TheFinalizerKeepsZero) { EXPECT_EQ(Mix64(0), 0u); }

}  // namespace
}  // namespace msgproc
