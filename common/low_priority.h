#ifndef MSGPROC_COMMON_LOW_PRIORITY_H_
#define MSGPROC_COMMON_LOW_PRIORITY_H_

#include "absl/functional/function_ref.h"

namespace msgproc {

// From now on this thread, and those that it starts, give way to all others
// where the CPU is short (nice 19), and that at once: in slices of 0.1 ms,
// where the kernel knows slices of a thread's own (Linux 6.12;
// sched_setattr(2)). Without privileges there is no way back.
void LowerPriority();

// Runs `work` on a thread of low priority, and returns when it is done: for
// what takes milliseconds at a stretch in a process that serves sockets. `work`
// must not take locks that these want: they would wait for as long as it gives
// way to them.
void RunAtLowPriority(absl::FunctionRef<void()> work);

}  // namespace msgproc

#endif  // MSGPROC_COMMON_LOW_PRIORITY_H_
