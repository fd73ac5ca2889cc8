#include "common/low_priority.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <thread>

namespace msgproc {
namespace {

constexpr int kNicest = 19;

// Of sched_setattr(2), which the C library does not have yet, as the kernel's
// first version of it; the kernel's own header and <sched.h> exclude each
// other.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = SCHED_OTHER;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0;  // Of SCHED_OTHER: the slice, in nanoseconds.
  uint64_t deadline = 0;
  uint64_t period = 0;
};
static_assert(sizeof(SchedulingAttributes) == 48);

}  // namespace

void LowerPriority() {
  SchedulingAttributes attributes = {.nice = kNicest, .runtime = 100'000};
  constexpr pid_t kThisThread = 0;
  if (syscall(SYS_sched_setattr, kThisThread, &attributes, 0) == 0) return;
  // An older kernel, or one that forbids it. On Linux: of this thread alone.
  setpriority(PRIO_PROCESS, kThisThread, kNicest);
}

void RunAtLowPriority(absl::FunctionRef<void()> work) {
  std::thread([work] {
    LowerPriority();
    work();
  }).join();
}

}  // namespace msgproc
