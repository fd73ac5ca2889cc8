#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_CALL_CANCELLER_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_CALL_CANCELLER_H_

#include <string>

#include "common/mutex.h"
#include "grpc/grpc.h"

namespace msgproc::processor {

// Cancels a call that may be over at any moment: gRPC's objects of a call must
// not be touched once its reactor is done. Thread-safe.
class CallCanceller {
 public:
  explicit CallCanceller(grpc_call* call) : call_(call) {}

  // Sends UNAVAILABLE and `why` past everything that waits to be written
  // (TryCancel would say CANCELLED). Nothing, once Close was called.
  void Cancel(const std::string& why) MSGPROC_EXCLUDES(mutex_) {
    {
      MutexLock lock(&mutex_);
      if (closed_) return;
      ++cancelling_;
    }
    grpc_call_cancel_with_status(call_, GRPC_STATUS_UNAVAILABLE, why.c_str(),
                                 nullptr);
    MutexLock lock(&mutex_);
    --cancelling_;
    returned_.SignalAll();
  }

  // The call is over. Returns once no Cancel uses it, and none will.
  void Close() MSGPROC_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    closed_ = true;
    while (cancelling_ > 0) returned_.Wait(&mutex_);
  }

 private:
  grpc_call* const call_;
  Mutex mutex_;
  CondVar returned_;
  int cancelling_ MSGPROC_GUARDED_BY(mutex_) = 0;
  bool closed_ MSGPROC_GUARDED_BY(mutex_) = false;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_CALL_CANCELLER_H_
