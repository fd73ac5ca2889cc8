#include "wire/segment.h"

#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace msgproc::wire {
namespace {

TEST(SegmentTest, ComesBackOnceItsLastReferenceIsGone) {
  SegmentRef first(Segment::New(4096));
  const Segment* const segment = first.get();
  {
    const SegmentRef second = first;
    first = SegmentRef();
    const SegmentRef other(Segment::New(4096));
    EXPECT_NE(other.get(), segment);
  }
  // What was let go of last: `second`.
  const SegmentRef again(Segment::New(4096));
  EXPECT_EQ(again.get(), segment);
  EXPECT_EQ(again->capacity(), 4096U);
}

TEST(SegmentTest, MayBeLetGoOfOnAnyThread) {
  SegmentRef kept(Segment::New(8192));
  std::memset(kept->data(), 1, kept->capacity());
  const Segment* const segment = kept.get();
  std::thread([gone = std::move(kept)]() mutable {
    gone = SegmentRef();
  }).join();
  const SegmentRef again(Segment::New(8192));
  EXPECT_EQ(again.get(), segment);
  std::memset(again->data(), 2, again->capacity());
}

TEST(SegmentTest, OnlySoManyAreKept) {
  constexpr size_t kCapacity = 64 << 10;
  constexpr size_t kMost = Segment::kKeptBytes / kCapacity;
  std::vector<SegmentRef> segments;
  for (size_t i = 0; i < 2 * kMost; ++i) {
    segments.emplace_back(Segment::New(kCapacity));
  }
  EXPECT_EQ(Segment::KeptOf(kCapacity), 0U);
  segments.resize(2 * kMost - 3);
  EXPECT_EQ(Segment::KeptOf(kCapacity), 3U);
  segments.clear();
  EXPECT_EQ(Segment::KeptOf(kCapacity), kMost);
}

TEST(SegmentTest, OddSizesAreNotKept) {
  for (const size_t capacity :
       {size_t{0}, size_t{1024}, size_t{5000}, 2 * Segment::kMostKept}) {
    const SegmentRef segment(Segment::New(capacity));
    EXPECT_EQ(segment->capacity(), capacity);
    EXPECT_EQ(Segment::KeptOf(capacity), 0U);
  }
}

// For the sanitizers: what one thread fills is what another lets go of.
TEST(SegmentTest, PassesBetweenThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 2000; ++i) {
        const SegmentRef mine(Segment::New(2048));
        std::memset(mine->data(), t, mine->capacity());
        const std::vector<SegmentRef> shared(3, mine);
        ASSERT_EQ(shared[2]->data()[2047], static_cast<char>(t));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace msgproc::wire
