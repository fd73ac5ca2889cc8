#include "common/exit_barrier.h"

#include <cstdio>
#include <future>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace msgproc {
namespace {

// Exits while another thread takes a step of so long.
void ExitAmidAStep(absl::Duration step, absl::Duration patience) {
  std::promise<void> begun;
  std::thread([&begun, step] {
    const ExitBarrier::Step whole;
    begun.set_value();
    absl::SleepFor(step);
    std::fputs("whole", stderr);
  }).detach();
  begun.get_future().wait();
  ExitBarrier::Exit(7, patience);
}

TEST(ExitBarrierTest, AStepThatHasBegunIsFinished) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(ExitAmidAStep(absl::Milliseconds(300), absl::Minutes(1)),
              testing::ExitedWithCode(7), "whole");
}

TEST(ExitBarrierTest, AStepThatHangsIsNotWaitedForForever) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(ExitAmidAStep(absl::Hours(1), absl::Milliseconds(100)),
              testing::ExitedWithCode(7), "^$");
}

TEST(ExitBarrierTest, WithoutAStepItExitsAtOnce) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(ExitBarrier::Exit(3, absl::Hours(1)), testing::ExitedWithCode(3),
              "");
}

}  // namespace
}  // namespace msgproc
