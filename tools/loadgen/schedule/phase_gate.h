#ifndef MSGPROC_TOOLS_LOADGEN_SCHEDULE_PHASE_GATE_H_
#define MSGPROC_TOOLS_LOADGEN_SCHEDULE_PHASE_GATE_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "common/mutex.h"

namespace msgproc::loadgen {

// Where the streams of one phase (warm-up or measured) learn that they are to
// stop sending, and tell that they have finished: they send no more, and
// everything they sent is answered. Thread-safe; one for each phase.
class PhaseGate {
 public:
  // Sending ends by itself at `send_until`, in nanoseconds of the run's clock.
  PhaseGate(int streams, int64_t send_until)
      : send_until_(send_until), unfinished_(streams) {}

  bool MaySend(int64_t now) const {
    return now < send_until_.load(std::memory_order_relaxed);
  }

  // Sending ends at `now`; what was due before may still be sent.
  void StopSending(int64_t now) {
    int64_t until = send_until_.load(std::memory_order_relaxed);
    while (now < until && !send_until_.compare_exchange_weak(
                              until, now, std::memory_order_relaxed)) {
    }
  }

  int64_t send_until() const {
    return send_until_.load(std::memory_order_relaxed);
  }

  // Once for each stream.
  void StreamFinished() {
    MutexLock lock(&mutex_);
    if (--unfinished_ <= 0) all_finished_.SignalAll();
  }

  // Waits until every stream has finished, at most `timeout`; may return early.
  // Whether they have.
  bool WaitUntilFinished(absl::Duration timeout) {
    MutexLock lock(&mutex_);
    if (unfinished_ > 0) all_finished_.WaitFor(&mutex_, timeout);
    return unfinished_ <= 0;
  }

 private:
  std::atomic<int64_t> send_until_;
  Mutex mutex_;
  CondVar all_finished_;
  int unfinished_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_SCHEDULE_PHASE_GATE_H_
