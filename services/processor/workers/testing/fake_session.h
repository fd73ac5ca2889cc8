#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_TESTING_FAKE_SESSION_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_TESTING_FAKE_SESSION_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/mutex.h"
#include "msgproc/v1/processor.pb.h"
#include "services/processor/executors/executor.h"

namespace msgproc::processor {

// Stands in for a session: gives messages to an executor, in batches as the
// executor wants them, and keeps the results. Thread-safe.
class FakeSession final : public BatchOwner,
                          public std::enable_shared_from_this<FakeSession> {
 public:
  static std::shared_ptr<FakeSession> Make(Executor* executor,
                                           HandlerBinding* binding) {
    return std::shared_ptr<FakeSession>(new FakeSession(executor, binding));
  }

  // Sends messages; their sequences go on from 1.
  void Send(const std::vector<std::string>& payloads);
  // Sends them as one batch, whatever the executor wants.
  void SendBatch(const std::vector<std::string>& payloads);

  // The results so far, in order of sequence, once there are `messages`; those
  // that are there after `timeout`.
  std::vector<v1::Result> Results(uint64_t messages,
                                  absl::Duration timeout = absl::Seconds(60));
  uint64_t sent();
  uint64_t answered();
  // Batches whose results were not one for each message, in order.
  uint64_t wrong();

  void OnBatchDone(std::unique_ptr<Batch> batch) override;
  bool Wants(const Batch& /*batch*/) const override { return wanted_; }
  // Nobody waits for what has not been answered.
  void StopWaiting() { wanted_ = false; }
  // And the executor hears of it.
  uint64_t number() const { return number_; }
  void Abandon() {
    StopWaiting();
    executor_->OnAbandoned(number_);
  }
  // Who sends the messages from now on.
  void SetContext(std::shared_ptr<const SessionContext> context) {
    MutexLock lock(&mutex_);
    context_ = std::move(context);
  }

 private:
  FakeSession(Executor* executor, HandlerBinding* binding)
      : executor_(executor), binding_(binding), number_(NextNumber()) {}
  static uint64_t NextNumber() {
    static std::atomic<uint64_t> next{1};
    return next++;
  }

  std::unique_ptr<Batch> MakeBatch(const std::vector<std::string>& payloads)
      MSGPROC_REQUIRES(mutex_);
  void Execute(std::unique_ptr<Batch> batch);
  void Pump();

  Executor* const executor_;
  HandlerBinding* const binding_;
  const uint64_t number_;
  std::atomic<bool> wanted_{true};
  Mutex mutex_;
  CondVar changed_;
  std::deque<std::string> pending_ MSGPROC_GUARDED_BY(mutex_);
  std::shared_ptr<const SessionContext> context_ MSGPROC_GUARDED_BY(mutex_);
  uint64_t out_ MSGPROC_GUARDED_BY(mutex_) = 0;
  uint64_t next_sequence_ MSGPROC_GUARDED_BY(mutex_) = 1;
  uint64_t sent_ MSGPROC_GUARDED_BY(mutex_) = 0;
  uint64_t affinity_ MSGPROC_GUARDED_BY(mutex_) = 0;
  uint64_t wrong_ MSGPROC_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, v1::Result> results_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_TESTING_FAKE_SESSION_H_
