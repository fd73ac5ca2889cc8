#include "wire/ring.h"

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <random>

#include "gtest/gtest.h"

namespace msgproc::wire {
namespace {

TEST(RingTest, IsAQueue) {
  std::mt19937 random(1);
  Ring<int> ring;
  std::deque<int> queue;
  for (int i = 0; i < 100000; ++i) {
    // Now it grows, now it shrinks.
    if (random() % 1000 < (i / 1000 % 2 == 0 ? 600U : 400U)) {
      ring.PushBack(i);
      queue.push_back(i);
    } else if (!queue.empty()) {
      ASSERT_EQ(ring.front(), queue.front());
      ASSERT_EQ(ring.PopFront(), queue.front());
      queue.pop_front();
    }
    if (random() % 100 == 0) ring.Trim();
    ASSERT_EQ(ring.size(), queue.size());
    ASSERT_EQ(ring.empty(), queue.empty());
    if (!queue.empty()) {
      const size_t at = random() % queue.size();
      ASSERT_EQ(ring[at], queue[at]);
    }
  }
  while (!ring.empty()) ring.PopFront();
  EXPECT_TRUE(ring.empty());
}

TEST(RingTest, ASteadyFlowStaysInOneBlock) {
  Ring<int> ring;
  for (int i = 0; i < 10; ++i) ring.PushBack(i);
  const int* lowest = &ring.front();
  const int* highest = lowest;
  for (int i = 0; i < 1000; ++i) {
    ring.PopFront();
    ring.PushBack(i);
    lowest = std::min(lowest, &ring[9]);
    highest = std::max(highest, &ring[9]);
  }
  EXPECT_EQ(highest - lowest, 15);
}

TEST(RingTest, HoldsNothingOfWhatWasTaken) {
  Ring<std::shared_ptr<int>> ring;
  const auto value = std::make_shared<int>(1);
  ring.PushBack(value);
  EXPECT_EQ(value.use_count(), 2);
  EXPECT_EQ(ring.PopFront(), value);
  EXPECT_EQ(value.use_count(), 1);
}

}  // namespace
}  // namespace msgproc::wire
