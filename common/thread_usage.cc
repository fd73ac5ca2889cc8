#include "common/thread_usage.h"

#include <pthread.h>

#include <utility>

namespace msgproc {
namespace {

// Zero where the thread has ended.
absl::Duration UsedBy(clockid_t clock) {
  timespec used{};
  clock_gettime(clock, &used);
  return absl::DurationFromTimespec(used);
}

}  // namespace

void ThreadUsage::AddThisThread() {
  clockid_t clock;
  if (pthread_getcpuclockid(pthread_self(), &clock) != 0) return;
  for (const Thread& thread : threads_) {
    if (thread.clock == clock) return;
  }
  threads_.push_back({clock, UsedBy(clock)});
}

double ThreadUsage::Take() {
  const absl::Time now = Clock::Monotonic()->Now();
  absl::Duration used;
  for (Thread& thread : threads_) {
    const absl::Duration all = UsedBy(thread.clock);
    used += all - std::exchange(thread.used, all);
  }
  const absl::Duration passed = now - std::exchange(at_, now);
  return passed > absl::ZeroDuration() ? absl::FDivDuration(used, passed) : 0;
}

}  // namespace msgproc
