#ifndef MSGPROC_SERVICES_BASE_STALL_WATCH_H_
#define MSGPROC_SERVICES_BASE_STALL_WATCH_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/mutex.h"

namespace msgproc::base {

// For how long the threads that serve have not moved.
//
// Each has a pulse that it beats as it goes round; somebody looks at all of
// them a few times a second. What counts is the time between looks, and of that
// no more than two intervals: when the whole process stood still (a stopped
// process, a suspended machine), its threads are not to blame.
//
// No threads, no clock: time is handed in. Thread-safe.
class StallWatch {
 public:
  class Pulse {
   public:
    void Beat() { beats_.fetch_add(1, std::memory_order_relaxed); }
    // The thread ends as it should: it is not waited for any more.
    void Retire() { retired_.store(true, std::memory_order_relaxed); }

   private:
    friend class StallWatch;
    std::string name_;
    std::atomic<uint64_t> beats_{0};
    std::atomic<bool> retired_{false};
    // Under the watch's lock.
    uint64_t seen_ = 0;
    absl::Duration silence_;
  };

  struct Stall {
    std::string name;
    absl::Duration silence;
  };

  // `interval`: how often Look is called as a rule.
  explicit StallWatch(absl::Duration interval) : interval_(interval) {}

  // The pulse lives as long as the watch.
  Pulse* Watch(std::string name);

  void Look(absl::Time now);

  // In the order of Watch, without those that retired.
  std::vector<Stall> stalls() const;
  // The longest of them; no name and no time where there is none.
  Stall longest() const;

 private:
  const absl::Duration interval_;
  mutable Mutex mutex_;
  absl::Time last_look_ MSGPROC_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  std::vector<std::unique_ptr<Pulse>> pulses_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_STALL_WATCH_H_
