#ifndef MSGPROC_SERVICES_PROCESSOR_EXECUTORS_THREAD_POOL_EXECUTOR_H_
#define MSGPROC_SERVICES_PROCESSOR_EXECUTORS_THREAD_POOL_EXECUTOR_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "common/mutex.h"
#include "common/state_dump.h"
#include "services/processor/executors/executor.h"
#include "services/processor/executors/fair_queue.h"

namespace msgproc::processor {

// Runs handlers that may block or burn on a fixed number of threads, so that a
// slow handler cannot hold up other sockets.
//
// A batch is cut to about a quarter of a millisecond of work, so that sessions
// can take turns (FairQueue) and a session's messages spread over the threads;
// fast handlers still travel in large batches. The queue holds at most
// Limits::max_batches a session. What nobody waits for any more is skipped.
class ThreadPoolExecutor final : public Executor {
 public:
  explicit ThreadPoolExecutor(int threads);
  ~ThreadPoolExecutor() override { Stop(); }

  Limits LimitsFor(const HandlerBinding& binding) const override;
  std::unique_ptr<Batch> Execute(std::unique_ptr<Batch> batch) override;
  void AddDumps(uint64_t session_number, absl::Time now,
                std::vector<StateDump>* dumps) const override {
    MutexLock lock(&mutex_);
    dumps->push_back(StateDump(
        "processor::ThreadPoolExecutor",
        {{"thread_count", thread_count_}, {"stopping", stopping_.load()}}));
    dumps->push_back(queue_.DumpOf(session_number, now));
  }
  void Stop() override;

 private:
  void Work();

  mutable Mutex mutex_;
  CondVar arrived_;
  std::atomic<bool> stopping_{false};
  const int thread_count_;
  FairQueue queue_ MSGPROC_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_EXECUTORS_THREAD_POOL_EXECUTOR_H_
