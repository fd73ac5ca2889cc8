#ifndef MSGPROC_SERVICES_PROCESSOR_EXECUTORS_ASYNC_EXECUTOR_H_
#define MSGPROC_SERVICES_PROCESSOR_EXECUTORS_ASYNC_EXECUTOR_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "common/state_dump.h"
#include "services/processor/executors/executor.h"

namespace msgproc::processor {

// What is counted of handlers that answer later. Thread-safe.
struct AsyncCounters {
  // Messages begun and not answered.
  std::atomic<int64_t> pending{0};
  // Messages that were never answered, in time; answers beyond the first.
  std::atomic<uint64_t> unanswered{0};
  std::atomic<uint64_t> repeated{0};
};

// Starts AsyncHandlers on the thread that read the message, and takes their
// answers on whatever thread they come. Each message is a batch of its own, so
// that none waits for another but to leave in order; how many there are is
// bounded by the sessions' windows. One thread, for those that are never
// answered.
class AsyncExecutor final : public Executor {
 public:
  // Who has not answered after `timeout` has answered DEADLINE_EXCEEDED.
  explicit AsyncExecutor(absl::Duration timeout);
  ~AsyncExecutor() override { Stop(); }

  Limits LimitsFor(const HandlerBinding& binding) const override;
  std::unique_ptr<Batch> Execute(std::unique_ptr<Batch> batch) override;
  void AddDumps(uint64_t session_number, absl::Time now,
                std::vector<StateDump>* dumps) const override;
  void OnAbandoned(uint64_t session_number) override;
  void Stop() override;

  const AsyncCounters& counters() const;

 private:
  class Core;
  class Call;

  // Calls outlive the executor where a handler keeps their Responders.
  const std::shared_ptr<Core> core_;
  // Started with the first message: most servers have no such handler.
  std::once_flag timed_;
  std::thread timer_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_EXECUTORS_ASYNC_EXECUTOR_H_
