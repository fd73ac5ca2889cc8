#ifndef MSGPROC_SERVICES_BASE_HEAP_TRIMMER_H_
#define MSGPROC_SERVICES_BASE_HEAP_TRIMMER_H_

#include <thread>

#include "common/mutex.h"

namespace msgproc::base {

// Gives memory that a burst has left behind back to the system, when TrimPolicy
// says so, from a thread of its own that serves nothing. One a process.
class HeapTrimmer {
 public:
  HeapTrimmer();
  ~HeapTrimmer();

  HeapTrimmer(const HeapTrimmer&) = delete;
  HeapTrimmer& operator=(const HeapTrimmer&) = delete;

 private:
  void Run();
  // Returns false when the thread is to end.
  bool WaitASecond();

  Mutex mutex_;
  CondVar stopped_;
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_HEAP_TRIMMER_H_
