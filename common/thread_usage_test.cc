#include "common/thread_usage.h"

#include <thread>

#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace msgproc {
namespace {

// Until this thread has used so much of the processor.
void Burn(absl::Duration most) {
  const auto used = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return absl::DurationFromTimespec(time);
  };
  const absl::Duration end = used() + most;
  while (used() < end) {
  }
}

TEST(ThreadUsageTest, CountsThreadsThatWereAddedOnceEach) {
  const absl::Time begin = Clock::Monotonic()->Now();
  ThreadUsage usage;
  EXPECT_EQ(usage.Take(), 0);
  usage.AddThisThread();
  usage.AddThisThread();
  Burn(absl::Milliseconds(20));
  const double cores = usage.Take();
  const absl::Duration passed = Clock::Monotonic()->Now() - begin;
  EXPECT_GE(cores * passed, absl::Milliseconds(20));
  EXPECT_LE(cores, 1.01);
}

TEST(ThreadUsageTest, DoesNotCountOtherThreads) {
  ThreadUsage usage;
  usage.AddThisThread();
  std::thread other([] { Burn(absl::Milliseconds(50)); });
  other.join();
  EXPECT_LT(usage.Take(), 0.5);
}

TEST(ThreadUsageTest, CountsSinceTheLastCall) {
  ThreadUsage usage;
  usage.AddThisThread();
  Burn(absl::Milliseconds(20));
  EXPECT_GT(usage.Take(), 0);
  absl::SleepFor(absl::Milliseconds(50));
  EXPECT_LT(usage.Take(), 0.5);
}

}  // namespace
}  // namespace msgproc
