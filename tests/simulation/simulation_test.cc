#include "tests/simulation/simulation.h"

#include <cstdint>

#include "gtest/gtest.h"
#include "services/base/log.h"
#include "tests/simulation/conditions.h"
#include "tests/simulation/coverage.h"

namespace msgproc::simulation {
namespace {

// What servers log about it would be more than anybody reads.
const bool kQuiet = [] {
  base::InitLog(base::LogFormat::kText, base::LogLevel::kError);
  return true;
}();

TEST(SimulationTest, AllRulesHoldWhateverTheSeed) {
  constexpr uint64_t kSeeds = 1500;
  uint64_t messages = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const Conditions conditions = DrawConditions(seed);
    const Report report = Simulate(conditions);
    messages += report.messages;
    ASSERT_TRUE(report.ok())
        << conditions.Describe() << "\n"
        << report.story << report.violation
        << "\nRepeat: bazel run //tests/simulation -- --seed=" << seed;
  }
  EXPECT_GT(messages, 100 * kSeeds);
  EXPECT_TRUE(EdgesNotTaken().empty()) << DescribeCoverage();
  EXPECT_TRUE(EdgesNotDrawn().empty()) << DescribeCoverage();
}

// Each was found by a seed, which is kept here with what it had found.
TEST(SimulationTest, WhatWasMendedStaysMended) {
  constexpr uint64_t kFound[] = {
      4,     // A write that failed: the client's timer fired without pause.
      8,     // A group of one session, fenced: a commit of nothing.
      495,   // A request again, of which a server had committed a part.
      2708,  // A server registered again, and was sent what it had room for
             // before.
  };
  for (const uint64_t seed : kFound) {
    const Report report = Simulate(DrawConditions(seed));
    EXPECT_TRUE(report.ok()) << "seed " << seed << ": " << report.violation;
  }
}

TEST(SimulationTest, ASeedTellsOneStory) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    const Report once = Simulate(DrawConditions(seed));
    const Report again = Simulate(DrawConditions(seed));
    ASSERT_EQ(once.fingerprint, again.fingerprint) << "seed " << seed;
    ASSERT_EQ(once.events, again.events) << "seed " << seed;
  }
}

TEST(SimulationTest, WithoutFaultsEachMessageIsHandledOnce) {
  for (const bool stored : {false, true}) {
    Conditions peace;
    peace.stored = stored;
    const Report report = Simulate(peace);
    EXPECT_TRUE(report.ok()) << report.violation;
    EXPECT_EQ(report.messages, 600U);
    EXPECT_EQ(report.handled, 600U);
  }
}

}  // namespace
}  // namespace msgproc::simulation
