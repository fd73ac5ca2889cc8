#include "wire/entry_log.h"

#include <cstdint>
#include <deque>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "msgproc/v1/processor.pb.h"
#include "wire/entry.h"

namespace msgproc::wire {
namespace {

std::string Payload(uint64_t sequence) {
  return std::string(sequence * 7919 % 500, 'x') + std::to_string(sequence);
}

std::string Join(const std::vector<Piece>& pieces) {
  std::string bytes;
  for (const Piece& piece : pieces) bytes.append(piece.data, piece.size);
  return bytes;
}

// Reads a frame's body with the generated classes.
v1::ProcessResponse Decode(const std::vector<Piece>& pieces) {
  v1::ProcessResponse response;
  EXPECT_TRUE(response.ParseFromString(Join(pieces)));
  return response;
}

TEST(EntryTest, EntriesAreWhatTheGeneratedClassesWrite) {
  EntryLog log;
  const std::vector<HeaderView> headers = {{"k", "v"}, {"", ""}};
  AppendResult(&log, 1, "one", headers);
  AppendError(&log, 2, 13, "broken", true);
  AppendResult(&log, 0, "");
  std::vector<Piece> pieces;
  EntryLog::Cursor cursor = log.At(1);
  EXPECT_EQ(log.Take(&cursor, 10, 1000, &pieces).entries, 3U);
  const v1::ProcessResponse response = Decode(pieces);
  ASSERT_EQ(response.results_size(), 3);
  EXPECT_EQ(response.results(0).payload(), "one");
  ASSERT_EQ(response.results(0).headers_size(), 2);
  EXPECT_EQ(response.results(0).headers(0).value(), "v");
  EXPECT_EQ(response.results(1).sequence(), 2U);
  EXPECT_EQ(response.results(1).error().code(), 13);
  EXPECT_EQ(response.results(1).error().message(), "broken");
  EXPECT_TRUE(response.results(1).error().retryable());
  EXPECT_EQ(response.results(2).sequence(), 0U);
}

TEST(EntryLogTest, TakesAtMostSoManyEntriesAndBytesButAlwaysOne) {
  EntryLog log;
  for (uint64_t i = 1; i <= 10; ++i) {
    AppendMessage(&log, i, std::string(100, 'x'));
  }
  std::vector<Piece> pieces;
  EntryLog::Cursor cursor = log.At(1);
  EXPECT_EQ(log.Take(&cursor, 3, 1 << 20, &pieces).entries, 3U);
  EXPECT_EQ(log.Take(&cursor, 100, 250, &pieces).entries, 2U);
  EXPECT_EQ(log.Take(&cursor, 100, 1, &pieces).entries, 1U);
  EXPECT_EQ(log.Take(&cursor, 100, 1 << 20, &pieces).entries, 4U);
  EXPECT_EQ(log.Take(&cursor, 100, 1 << 20, &pieces).entries, 0U);
  EXPECT_EQ(Decode(pieces).results_size(), 10);
}

TEST(EntryLogTest, WhatIsBeingWrittenOutlivesTheLog) {
  std::vector<Piece> pieces;
  {
    EntryLog log;
    AppendMessage(&log, 1, "still here");
    EntryLog::Cursor cursor = log.At(1);
    log.Take(&cursor, 1, 100, &pieces);
    log.ReleaseThrough(1);
  }
  EXPECT_EQ(Decode(pieces).results(0).payload(), "still here");
}

TEST(EntryLogTest, AReleasedLogHoldsLittle) {
  EntryLog log;
  for (uint64_t i = 1; i <= 100000; ++i) AppendMessage(&log, i, Payload(i));
  EXPECT_GT(log.bytes(), 10U << 20);
  log.ReleaseThrough(100000);
  EXPECT_TRUE(log.empty());
  EXPECT_LT(log.bytes(), 128U << 10);
}

TEST(EntryLogTest, ASteadyFlowGoesThroughTheSameSegments) {
  EntryLog log;
  std::set<const char*> places;
  for (uint64_t i = 1; i <= 10000; ++i) {
    AppendMessage(&log, i, std::string(1000, 'x'));
    std::vector<Piece> pieces;
    EntryLog::Cursor cursor = log.At(i);
    log.Take(&cursor, 1, 2000, &pieces);
    if (pieces[0].data == pieces[0].segment->data()) {
      places.insert(pieces[0].data);
    }
    log.ReleaseThrough(i);
  }
  EXPECT_LE(places.size(), 4U);
}

TEST(EntryLogTest, ALogThatWasResetBeginsWithRoomForAsMuchAgain) {
  EntryLog log;
  for (int turn = 0; turn < 3; ++turn) {
    for (uint64_t i = 1; i <= 100; ++i) {
      AppendMessage(&log, i, std::string(300, 'x'));
    }
    std::vector<Piece> pieces;
    EntryLog::Cursor cursor = log.At(1);
    log.Take(&cursor, 100, 1 << 20, &pieces);
    EXPECT_EQ(pieces.size(), turn == 0 ? 5U : 1U);
    log.Reset(1);
  }
}

TEST(EntryLogTest, WhatFillsLittleOfItsSegmentIsCopied) {
  EntryLog log;
  EntryLog other;
  AppendMessage(&other, 1, std::string(60000, 'x'));
  other.Reset(1);
  AppendMessage(&other, 1, std::string(6000, 'x'));
  log.Splice(&other);
  std::vector<Piece> pieces;
  EntryLog::Cursor cursor = log.At(1);
  log.Take(&cursor, 1, 10000, &pieces);
  EXPECT_EQ(pieces[0].segment->capacity(), 8192U);
}

// Any order of appending, splicing, taking, seeking and releasing gives every
// entry once, in order.
// Segments of some hundred bytes to 64 KiB: cut inside, at their ends, and with
// nothing left in one.
TEST(EntryLogTest, WhatIsTruncatedHasNeverBeen) {
  constexpr uint64_t kEntries = 300;
  for (uint64_t released = 0; released < kEntries; released += 60) {
    for (uint64_t cut = released + 1; cut <= kEntries + 1; ++cut) {
      EntryLog log;
      EntryLog plain;
      for (uint64_t i = 1; i <= kEntries; ++i) {
        AppendResult(&log, i, Payload(i));
        if (i < cut) AppendResult(&plain, i, Payload(i));
      }
      log.ReleaseThrough(released);
      plain.ReleaseThrough(released);
      log.Truncate(cut);
      ASSERT_EQ(log.next_position(), cut);
      if (cut > released + 1) {
        ASSERT_EQ(log.bytes(), plain.bytes());
      }
      // It goes on from there.
      EntryLog more(cut);
      for (uint64_t i = cut; i < cut + 3; ++i) {
        AppendResult(&more, i, Payload(i));
      }
      log.Splice(&more);
      EntryLog::Cursor cursor = log.At(released + 1);
      for (uint64_t i = released + 1; i < cut + 3; ++i) {
        ResultView view;
        ASSERT_TRUE(ParseResult(log.Next(&cursor), &view));
        ASSERT_EQ(view.sequence, i);
        ASSERT_EQ(view.payload, Payload(i));
      }
      ASSERT_EQ(cursor.position(), log.next_position());
    }
  }
}

std::vector<std::string> PayloadsOf(const EntryLog& log) {
  std::vector<std::string> payloads;
  EntryLog::Cursor cursor = log.At(log.first_position());
  while (cursor.position() < log.next_position()) {
    ResultView view;
    EXPECT_TRUE(ParseResult(log.Next(&cursor), &view));
    payloads.emplace_back(view.payload);
  }
  return payloads;
}

TEST(EntryTest, EntriesAreReplacedByOthersOfAnyLength) {
  EntryLog log;
  for (uint64_t i = 1; i <= 5; ++i) AppendResult(&log, i, Payload(i));
  log.ReleaseThrough(1);
  EntryLog by;
  AppendResult(&by, 3, "a much longer one than it was");
  AppendResult(&by, 4, "");
  ReplaceEntries(&log, 3, &by);
  EXPECT_TRUE(by.empty());
  EXPECT_EQ(PayloadsOf(log),
            (std::vector<std::string>{
                Payload(2), "a much longer one than it was", "", Payload(5)}));
  // To the end.
  AppendResult(&by, 5, "last");
  ReplaceEntries(&log, 5, &by);
  EXPECT_EQ(PayloadsOf(log).back(), "last");
  EXPECT_EQ(log.next_position(), 6u);
}

TEST(EntryTest, EntriesStandInFrontOfWhatWasThere) {
  EntryLog log(4);
  for (uint64_t i = 4; i <= 6; ++i) AppendResult(&log, i, Payload(i));
  // Released ones share its segment, and do not come back.
  log.ReleaseThrough(4);
  EntryLog front;
  for (uint64_t i = 2; i <= 4; ++i) AppendResult(&front, i, Payload(i));
  std::vector<Piece> pieces;
  EntryLog::Cursor cursor = front.At(1);
  front.Take(&cursor, UINT64_MAX, SIZE_MAX, &pieces);
  PrependEntries(&log, 2, pieces);
  EXPECT_EQ(log.first_position(), 2u);
  EXPECT_EQ(PayloadsOf(log),
            (std::vector<std::string>{Payload(2), Payload(3), Payload(4),
                                      Payload(5), Payload(6)}));
}

class EntryLogRandomTest : public testing::TestWithParam<int> {};

TEST_P(EntryLogRandomTest, GivesEveryEntryOnceInOrder) {
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  EntryLog log(1);
  EntryLog::Cursor cursor = log.At(1);
  uint64_t released = 0;
  std::vector<Piece> pieces;
  for (int step = 0; step < 3000; ++step) {
    switch (random() % 5) {
      case 0:
        for (uint64_t n = random() % 30; n > 0; --n) {
          AppendResult(&log, log.next_position(), Payload(log.next_position()));
        }
        break;
      case 1: {
        EntryLog other;
        for (uint64_t n = random() % 60, at = log.next_position(); n > 0; --n) {
          AppendResult(&other, at, Payload(at));
          ++at;
        }
        log.Splice(&other);
        EXPECT_TRUE(other.empty());
        break;
      }
      case 2: {
        pieces.clear();
        uint64_t expected = cursor.position();
        const uint64_t most = 1 + random() % 40;
        const EntryLog::Taken taken =
            log.Take(&cursor, most, random() % 20000, &pieces);
        const v1::ProcessResponse response = Decode(pieces);
        ASSERT_EQ(static_cast<uint64_t>(response.results_size()),
                  taken.entries);
        for (const v1::Result& result : response.results()) {
          ASSERT_EQ(result.sequence(), expected);
          ASSERT_EQ(result.payload(), Payload(expected));
          ++expected;
        }
        ASSERT_EQ(cursor.position(), expected);
        break;
      }
      case 3:
        if (cursor.position() > released + 1) {
          released += 1 + random() % (cursor.position() - 1 - released);
          log.ReleaseThrough(released);
          ASSERT_EQ(log.first_position(), released + 1);
        }
        break;
      default:
        if (random() % 8 == 0) {
          const uint64_t back =
              log.first_position() +
              random() % (log.next_position() - log.first_position() + 1);
          cursor = log.At(back);
          ASSERT_EQ(cursor.position(), back);
          if (back < log.next_position()) {
            EntryLog::Cursor walk = cursor;
            ResultView view;
            ASSERT_TRUE(ParseResult(log.Next(&walk), &view));
            ASSERT_EQ(view.sequence, back);
          }
        }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, EntryLogRandomTest, testing::Range(0, 20));

}  // namespace
}  // namespace msgproc::wire
