#include "services/processor/store/outcomes.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "wire/entry.h"
#include "wire/frame.h"
#include "wire/pieces.h"

namespace msgproc::processor {
namespace {

std::string Encoded(uint64_t first, uint64_t through) {
  wire::EntryLog log;
  for (uint64_t sequence = first; sequence <= through; ++sequence) {
    wire::AppendResult(&log, sequence, absl::StrCat("result ", sequence));
  }
  std::vector<wire::Piece> pieces;
  auto cursor = log.At(1);
  log.Take(&cursor, UINT64_MAX, SIZE_MAX, &pieces);
  std::string bytes;
  wire::AppendPieces(pieces, &bytes);
  return bytes;
}

Outcome Of(uint64_t first, uint64_t through) {
  return {first, through, Encoded(first, through)};
}

std::vector<uint64_t> Sequences(const wire::EntryLog& log) {
  std::vector<uint64_t> sequences;
  auto cursor = log.At(log.first_position());
  while (cursor.position() < log.next_position()) {
    wire::ResultView result;
    EXPECT_TRUE(wire::ParseResult(log.Next(&cursor), &result));
    EXPECT_EQ(result.payload, absl::StrCat("result ", result.sequence));
    sequences.push_back(result.sequence);
  }
  return sequences;
}

TEST(OutcomesTest, AreTheResultsThatTheClientLacks) {
  const auto log = ReadOutcomes({Of(3, 5), Of(6, 6), Of(7, 9)}, 4, 9);
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_EQ(log->first_position(), 5u);
  EXPECT_EQ(Sequences(*log), (std::vector<uint64_t>{5, 6, 7, 8, 9}));
}

TEST(OutcomesTest, AClientThatHasEverythingLacksNothing) {
  const auto log = ReadOutcomes({}, 9, 9);
  ASSERT_TRUE(log.ok()) << log.status();
  EXPECT_TRUE(log->empty());
  EXPECT_EQ(log->next_position(), 10u);
}

TEST(OutcomesTest, AGapIsALoss) {
  for (const auto& outcomes : std::vector<std::vector<Outcome>>{
           {},
           {Of(1, 3)},
           {Of(2, 4)},
           {Of(1, 2), Of(4, 4)},
           {Of(1, 5)},
           {Of(1, 2), Of(1, 2)},
       }) {
    EXPECT_EQ(ReadOutcomes(outcomes, 0, 4).status().code(),
              absl::StatusCode::kDataLoss);
  }
  EXPECT_TRUE(ReadOutcomes({Of(1, 4)}, 0, 4).ok());
}

TEST(OutcomesTest, WhatIsBrokenIsALossAndNoMore) {
  const std::string whole = Encoded(1, 3);
  // Cut, or with one byte changed: never read as something else.
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ReadOutcomes({{1, 3, whole.substr(0, size)}}, 0, 3).ok());
  }
  EXPECT_FALSE(ReadOutcomes({{1, 3, whole + "x"}}, 0, 3).ok());
  EXPECT_FALSE(ReadOutcomes({{1, 3, whole + whole}}, 0, 3).ok());
  EXPECT_FALSE(ReadOutcomes({{1, 3, Encoded(2, 4)}}, 0, 3).ok());
  EXPECT_FALSE(ReadOutcomes({{1, 4, whole}}, 0, 4).ok());
  EXPECT_FALSE(ReadOutcomes({{3, 1, whole}}, 0, 3).ok());
}

// Nothing but what was written is ever read, and numbers are nobody's word.
TEST(OutcomesTest, WhateverIsDoneToThemTheyAreReadOrLost) {
  std::mt19937_64 random(2026);
  const auto number = [&random]() -> uint64_t {
    switch (random() % 8) {
      case 0:
        return UINT64_MAX - random() % 3;
      case 1:
        return random();
      default:
        return random() % 12;
    }
  };
  int read = 0;
  for (int i = 0; i < 50'000; ++i) {
    std::vector<Outcome> outcomes = {Of(1, 3), Of(4, 4), Of(5, 9)};
    for (uint64_t changes = random() % 4; changes > 0; --changes) {
      Outcome& outcome = outcomes[random() % outcomes.size()];
      const size_t at = random() % (outcome.results.size() + 1);
      switch (random() % 6) {
        case 0:
          if (at < outcome.results.size()) outcome.results[at] ^= 1 << i % 8;
          break;
        case 1:
          outcome.results.resize(at);
          break;
        case 2:
          outcome.results.insert(at, 1, static_cast<char>(random()));
          break;
        case 3:
          outcome.first = number();
          break;
        case 4:
          outcome.through = number();
          break;
        default:
          std::swap(outcome, outcomes[random() % outcomes.size()]);
      }
    }
    // As JudgeClaim leaves them.
    const uint64_t received = std::min<uint64_t>(number(), INT64_MAX - 1);
    const uint64_t committed =
        std::clamp<uint64_t>(number(), received, INT64_MAX - 1);
    const auto log = ReadOutcomes(outcomes, received, committed);
    if (!log.ok()) {
      ASSERT_TRUE(absl::IsDataLoss(log.status())) << log.status();
      ASSERT_FALSE(log.status().message().empty());
      continue;
    }
    ++read;
    ASSERT_EQ(log->first_position(), received + 1);
    ASSERT_EQ(log->next_position(), committed + 1);
    uint64_t next = received;
    auto cursor = log->At(log->first_position());
    while (cursor.position() < log->next_position()) {
      wire::ResultView result;
      ASSERT_TRUE(wire::ParseResult(log->Next(&cursor), &result));
      ASSERT_EQ(result.sequence, ++next);
    }
  }
  EXPECT_GT(read, 1'000);
}

}  // namespace
}  // namespace msgproc::processor
