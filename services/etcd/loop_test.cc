#include "services/etcd/loop.h"

#include <atomic>
#include <thread>
#include <vector>

#include "common/clock.h"
#include "gtest/gtest.h"
#include "services/base/testing/eventually.h"

namespace msgproc::etcd {
namespace {

using base::Eventually;

TEST(LoopTest, RunsWhatIsPostedInOrderAndThenSteps) {
  std::atomic<int> at_step{0};
  int count = 0;
  Loop loop;
  loop.Start([&] {
    at_step = count;
    return absl::InfiniteFuture();
  });
  loop.Post([&] { count = 1; });
  loop.Post([&] { count = count * 10 + 2; });
  EXPECT_TRUE(Eventually([&] { return at_step == 12; }));
}

TEST(LoopTest, StepsAgainWhenItIsTime) {
  std::atomic<int> steps{0};
  Loop loop;
  loop.Start([&] {
    ++steps;
    return Clock::Monotonic()->Now() + absl::Milliseconds(1);
  });
  EXPECT_TRUE(Eventually([&] { return steps > 3; }));
}

TEST(LoopTest, RunsNothingOnceItHasStopped) {
  bool ran = false;
  Loop loop;
  loop.Start([] { return absl::InfiniteFuture(); });
  loop.Stop();
  loop.Post([&] { ran = true; });
  EXPECT_FALSE(ran);
}

TEST(LoopTest, WhatIsAskedIsAnsweredOnItsThread) {
  std::thread::id thread;
  Loop loop;
  loop.Start([] { return absl::InfiniteFuture(); });
  loop.Post([&] { thread = std::this_thread::get_id(); });
  const auto answer = loop.Ask([] { return std::this_thread::get_id(); });
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(*answer, thread);
  EXPECT_NE(*answer, std::this_thread::get_id());
}

TEST(LoopTest, WhoAsksOneThatHasStoppedIsNotAnswered) {
  Loop loop;
  loop.Start([] { return absl::InfiniteFuture(); });
  loop.Stop();
  EXPECT_FALSE(loop.Ask([] { return 7; }).has_value());
}

TEST(LoopTest, ADumpSaysWhetherTheThreadAnswers) {
  const auto ask = [] {
    return std::vector<StateDump>{StateDump("a"), StateDump("b")};
  };
  Loop loop;
  loop.Start([] { return absl::InfiniteFuture(); });
  std::vector<StateDump> dumps;
  loop.AddDumps("a", ask, &dumps);
  ASSERT_EQ(dumps.size(), 2u);
  EXPECT_EQ(dumps[1].machine(), "b");
  EXPECT_EQ(dumps[0]["answers"], "");

  loop.Stop();
  dumps.clear();
  loop.AddDumps("a", ask, &dumps);
  ASSERT_EQ(dumps.size(), 1u);
  EXPECT_EQ(dumps[0].machine(), "a");
  EXPECT_EQ(dumps[0]["answers"], "false");
}

}  // namespace
}  // namespace msgproc::etcd
