#include "wire/outstanding_window.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>

#include "gtest/gtest.h"

namespace msgproc::wire {
namespace {

TEST(OutstandingWindowTest, OneMessageAlwaysFits) {
  OutstandingWindow window;
  EXPECT_TRUE(window.Fits(1000, 0, 10));
  window.Push(1000);
  EXPECT_FALSE(window.Fits(1, 10, 10));
}

TEST(OutstandingWindowTest, IsBoundByMessagesAndByBytes) {
  OutstandingWindow window;
  window.Push(5);
  EXPECT_TRUE(window.Fits(5, 2, 10));
  EXPECT_FALSE(window.Fits(6, 2, 10));
  EXPECT_FALSE(window.Fits(5, 1, 10));
}

TEST(OutstandingWindowTest, TellsHowManyWouldFit) {
  OutstandingWindow window;
  EXPECT_EQ(window.Fitting(10, 10), 0U);
  for (const size_t bytes : {4, 4, 0, 0, 3, 3, 20}) window.Push(bytes);
  EXPECT_EQ(window.Fitting(100, 100), 7U);
  EXPECT_EQ(window.Fitting(100, 33), 6U);
  EXPECT_EQ(window.Fitting(5, 33), 5U);
  EXPECT_EQ(window.Fitting(100, 11), 5U);
  EXPECT_EQ(window.Fitting(100, 10), 4U);
  EXPECT_EQ(window.Fitting(100, 7), 1U);
  // One always fits.
  EXPECT_EQ(window.Fitting(0, 3), 1U);
}

TEST(OutstandingWindowTest, FitsAsManyAsAnotherWindowTakes) {
  std::mt19937 random(2);
  for (int turn = 0; turn < 1000; ++turn) {
    OutstandingWindow window;
    OutstandingWindow other;
    const uint64_t max_messages = random() % 20 + 1;
    const uint64_t max_bytes = random() % 60;
    bool fits = true;
    for (uint64_t i = random() % 20; i > 0; --i) {
      const size_t bytes = random() % 3 * 5;
      window.Push(bytes);
      fits = fits && other.Fits(bytes, max_messages, max_bytes);
      if (fits) other.Push(bytes);
    }
    EXPECT_EQ(window.Fitting(max_messages, max_bytes), other.messages());
  }
}

TEST(OutstandingWindowTest, CountsLikeAQueue) {
  std::mt19937 random(1);
  OutstandingWindow window;
  std::deque<size_t> queue;
  for (int i = 0; i < 100000; ++i) {
    if (random() % 2 == 0) {
      // Now and then several of one size follow one another.
      queue.push_back(random() % 2 == 0 ? 7 : random() % 100);
      window.Push(queue.back());
    } else {
      const uint64_t pop = random() % 3;
      window.Pop(pop);
      for (uint64_t n = 0; n < pop && !queue.empty(); ++n) queue.pop_front();
    }
    if (random() % 100 == 0) window.Trim();
    uint64_t bytes = 0;
    if (i % 97 == 0) {
      for (const size_t size : queue) bytes += size;
      ASSERT_EQ(window.bytes(), bytes);
    }
    ASSERT_EQ(window.messages(), queue.size());
  }
}

}  // namespace
}  // namespace msgproc::wire
