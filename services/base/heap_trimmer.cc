#include "services/base/heap_trimmer.h"

#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include <cstddef>

#include "absl/time/time.h"
#include "common/clock.h"
#include "common/proc_files.h"
#include "services/base/log.h"
#include "services/base/trim_policy.h"

namespace msgproc::base {
namespace {

// Resident, and not in what was allocated. malloc's own count of what is free
// would not do: it goes on counting pages that were given back.
size_t SpareBytes() {
  const size_t resident = ReadResidentBytes(getpid());
  const struct mallinfo2 info = mallinfo2();
  const size_t used = info.uordblks + info.hblkhd;
  return resident > used ? resident - used : 0;
}

}  // namespace

HeapTrimmer::HeapTrimmer() : thread_([this] { Run(); }) {}

HeapTrimmer::~HeapTrimmer() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  stopped_.SignalAll();
  thread_.join();
}

bool HeapTrimmer::WaitASecond() {
  const absl::Time until = Clock::Monotonic()->Now() + absl::Seconds(1);
  MutexLock lock(&mutex_);
  while (!stopping_) {
    const absl::Duration left = until - Clock::Monotonic()->Now();
    if (left <= absl::ZeroDuration()) return true;
    stopped_.WaitFor(&mutex_, left);
  }
  return false;
}

void HeapTrimmer::Run() {
  pthread_setname_np(pthread_self(), "msgproc-trim");
  TrimPolicy policy;
  do {
    const size_t before = SpareBytes();
    const absl::Time now = Clock::Monotonic()->Now();
    if (!policy.ShouldTrim(now, before)) continue;
    malloc_trim(0);
    const size_t after = SpareBytes();
    const absl::Time done = Clock::Monotonic()->Now();
    policy.OnTrimmed(done, after);
    LogDebug("gave memory back", {{"spare_before", before},
                                  {"spare_after", after},
                                  {"took", absl::FormatDuration(done - now)}});
  } while (WaitASecond());
}

}  // namespace msgproc::base
