#include "tools/loadgen/stream/answered_sequences.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include "gtest/gtest.h"

namespace msgproc::loadgen {
namespace {

using Answer = AnsweredSequences::Answer;

TEST(AnsweredSequencesTest, InOrderNothingIsMissing) {
  AnsweredSequences answered;
  for (uint64_t sequence = 1; sequence <= 100; ++sequence) {
    EXPECT_EQ(answered.Add(sequence), Answer::kNext);
  }
  EXPECT_EQ(answered.highest(), 100U);
  EXPECT_EQ(answered.missing(), 0U);
}

TEST(AnsweredSequencesTest, AHoleIsMissingUntilItIsAnswered) {
  AnsweredSequences answered;
  EXPECT_EQ(answered.Add(1), Answer::kNext);
  EXPECT_EQ(answered.Add(5), Answer::kAhead);
  EXPECT_EQ(answered.missing(), 3U);
  EXPECT_EQ(answered.Add(3), Answer::kBehind);
  EXPECT_EQ(answered.missing(), 2U);
  EXPECT_EQ(answered.Add(3), Answer::kDuplicate);
  EXPECT_EQ(answered.Add(2), Answer::kBehind);
  EXPECT_EQ(answered.Add(4), Answer::kBehind);
  EXPECT_EQ(answered.missing(), 0U);
  EXPECT_EQ(answered.Add(6), Answer::kNext);
}

TEST(AnsweredSequencesTest, SecondAnswersAreDuplicates) {
  AnsweredSequences answered;
  answered.Add(1);
  answered.Add(2);
  EXPECT_EQ(answered.Add(2), Answer::kDuplicate);
  EXPECT_EQ(answered.Add(1), Answer::kDuplicate);
  EXPECT_EQ(answered.Add(0), Answer::kDuplicate);
  EXPECT_EQ(answered.highest(), 2U);
}

TEST(AnsweredSequencesTest, AgreesWithASetOnAnyOrder) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    AnsweredSequences answered;
    std::set<uint64_t> seen;
    for (int i = 0; i < 60; ++i) {
      const uint64_t sequence = random() % 40 + 1;
      const bool first = seen.insert(sequence).second;
      EXPECT_EQ(answered.Add(sequence) != Answer::kDuplicate, first);
      EXPECT_EQ(answered.highest(), *seen.rbegin());
      EXPECT_EQ(answered.missing(), *seen.rbegin() - seen.size());
    }
  }
}

}  // namespace
}  // namespace msgproc::loadgen
