#ifndef MSGPROC_SERVICES_ETCD_LOOP_H_
#define MSGPROC_SERVICES_ETCD_LOOP_H_

#include <functional>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "common/mutex.h"

namespace msgproc::etcd {

// A thread that everything about one registry happens on, so that machines and
// calls need no locks: gRPC's threads only post what they bring. Thread-safe.
class Loop {
 public:
  // Does what is due; returns when it is to be called next if nothing is
  // posted before. Called after each batch of tasks.
  using Step = std::function<absl::Time()>;

  Loop() = default;
  // Drops what was posted and not run.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Once.
  void Start(Step step);
  // Runs `task` on the thread, before long.
  void Post(std::function<void()> task);
  // Nothing runs any more when it returns. Not from the thread itself.
  void Stop();

 private:
  void Run();

  Step step_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::function<void()>> tasks_ MSGPROC_GUARDED_BY(mutex_);
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace msgproc::etcd

#endif  // MSGPROC_SERVICES_ETCD_LOOP_H_
