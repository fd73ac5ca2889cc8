#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_LIVE_TRACE_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_LIVE_TRACE_H_

#include <cstdint>
#include <utility>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "common/mutex.h"
#include "services/processor/session/session_trace.h"

namespace msgproc::processor {

// A SessionTrace that is shared by the session that is followed and those who
// read it, who may find it once the session is gone. Thread-safe; its lock is
// taken behind a session's.
class LiveTrace {
 public:
  LiveTrace(uint64_t id, absl::Time now) : trace_(id, now) {}

  // As SessionTrace has them.
  bool Add(SessionEvent event) {
    MutexLock lock(&mutex_);
    return trace_.Add(std::move(event));
  }
  absl::optional<SessionTrace::Page> Read(uint64_t trace, uint64_t through,
                                          absl::Time now) {
    MutexLock lock(&mutex_);
    return trace_.Read(trace, through, now);
  }
  bool Over(absl::Time now) const {
    MutexLock lock(&mutex_);
    return trace_.Over(now);
  }

 private:
  mutable Mutex mutex_;
  SessionTrace trace_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_LIVE_TRACE_H_
