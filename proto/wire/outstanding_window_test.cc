#include "proto/wire/outstanding_window.h"

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

TEST(OutstandingWindowTest, CountsLikeAQueue) {
  std::mt19937 random(1);
  OutstandingWindow window;
  std::deque<size_t> queue;
  for (int i = 0; i < 100000; ++i) {
    if (random() % 2 == 0) {
      queue.push_back(random() % 100);
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
