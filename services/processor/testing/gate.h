#ifndef MSGPROC_SERVICES_PROCESSOR_TESTING_GATE_H_
#define MSGPROC_SERVICES_PROCESSOR_TESTING_GATE_H_

#include <atomic>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace msgproc::processor {

// Where handlers wait until the test lets them go. Closed at first.
// Thread-safe, and in shared memory between processes too: it has no lock that
// a process could take to its grave.
class Gate {
 public:
  void Pass() {
    ++arrived_;
    const int inside = ++inside_;
    int most = most_;
    while (most < inside && !most_.compare_exchange_weak(most, inside)) {
    }
    while (!open_) absl::SleepFor(kPoll);
    --inside_;
  }

  void Open() { open_ = true; }

  // Whether so many have arrived, before or within half a minute.
  bool Await(int arrived) const {
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (arrived_ < arrived) {
      if (absl::Now() > deadline) return false;
      absl::SleepFor(kPoll);
    }
    return true;
  }

  int arrived() const { return arrived_; }
  // How many waited together at most.
  int most() const { return most_; }

 private:
  static constexpr absl::Duration kPoll = absl::Milliseconds(1);

  std::atomic<int> arrived_{0};
  std::atomic<int> inside_{0};
  std::atomic<int> most_{0};
  std::atomic<bool> open_{false};
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_TESTING_GATE_H_
