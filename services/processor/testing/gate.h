#ifndef MSGPROC_SERVICES_PROCESSOR_TESTING_GATE_H_
#define MSGPROC_SERVICES_PROCESSOR_TESTING_GATE_H_

#include <algorithm>

#include "absl/time/time.h"
#include "common/mutex.h"

namespace msgproc::processor {

// Where handlers wait until the test lets them go. Closed at first.
// Thread-safe.
class Gate {
 public:
  void Pass() {
    MutexLock lock(&mutex_);
    ++arrived_;
    ++inside_;
    most_ = std::max(most_, inside_);
    changed_.SignalAll();
    while (!open_) changed_.Wait(&mutex_);
    --inside_;
  }

  void Open() {
    MutexLock lock(&mutex_);
    open_ = true;
    changed_.SignalAll();
  }

  // Whether so many have arrived, before or within half a minute.
  bool Await(int arrived) {
    MutexLock lock(&mutex_);
    while (arrived_ < arrived) {
      if (!changed_.WaitFor(&mutex_, absl::Seconds(30))) return false;
    }
    return true;
  }

  int arrived() const {
    MutexLock lock(&mutex_);
    return arrived_;
  }
  // How many waited together at most.
  int most() const {
    MutexLock lock(&mutex_);
    return most_;
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  int arrived_ MSGPROC_GUARDED_BY(mutex_) = 0;
  int inside_ MSGPROC_GUARDED_BY(mutex_) = 0;
  int most_ MSGPROC_GUARDED_BY(mutex_) = 0;
  bool open_ MSGPROC_GUARDED_BY(mutex_) = false;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_TESTING_GATE_H_
