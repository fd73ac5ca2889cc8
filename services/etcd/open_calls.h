#ifndef MSGPROC_SERVICES_ETCD_OPEN_CALLS_H_
#define MSGPROC_SERVICES_ETCD_OPEN_CALLS_H_

#include <cstdint>
#include <map>

#include "common/mutex.h"
#include "grpcpp/client_context.h"

namespace msgproc::etcd {

// The calls of a client that are under way, so that it can end them all.
// Thread-safe.
class OpenCalls {
 public:
  // Returns what Remove takes: another call may have its address later.
  uint64_t Add(grpc::ClientContext* call) {
    MutexLock lock(&mutex_);
    calls_[++last_id_] = call;
    return last_id_;
  }

  // Last of all that a call does, its memory perhaps gone.
  void Remove(uint64_t id) {
    MutexLock lock(&mutex_);
    calls_.erase(id);
    changed_.SignalAll();
  }

  // Cancels them, and returns once they have ended.
  void End() {
    MutexLock lock(&mutex_);
    for (const auto& [id, call] : calls_) call->TryCancel();
    while (!calls_.empty()) changed_.Wait(&mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  uint64_t last_id_ MSGPROC_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, grpc::ClientContext*> calls_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::etcd

#endif  // MSGPROC_SERVICES_ETCD_OPEN_CALLS_H_
