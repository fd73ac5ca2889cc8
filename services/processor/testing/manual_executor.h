#ifndef MSGPROC_SERVICES_PROCESSOR_TESTING_MANUAL_EXECUTOR_H_
#define MSGPROC_SERVICES_PROCESSOR_TESTING_MANUAL_EXECUTOR_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/processor/executors/executor.h"
#include "wire/entry.h"

namespace msgproc::processor {

// Answers every message with its own payload.
inline void EchoBatch(Batch* batch) {
  batch->ParsePieces();
  for (const wire::MessageView& message : batch->messages) {
    wire::AppendResult(&batch->results, message.sequence, message.payload);
  }
}

// Holds batches until the test completes them, in any order. Not thread-safe.
class ManualExecutor final : public Executor {
 public:
  Limits LimitsFor(const HandlerBinding& /*binding*/) const override {
    return limits;
  }
  std::unique_ptr<Batch> Execute(std::unique_ptr<Batch> batch) override {
    held_.push_back(std::move(batch));
    return nullptr;
  }

  size_t held() const { return held_.size(); }
  // The one that came first of those that are held is 0.
  const Batch& batch(size_t index) const { return *held_.at(index); }
  void Complete(size_t index) {
    std::unique_ptr<Batch> batch = std::move(held_.at(index));
    batch->handler_time = handler_time;
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(index));
    EchoBatch(batch.get());
    Batch::Done(std::move(batch));
  }
  void CompleteAll() {
    while (!held_.empty()) Complete(0);
  }
  // They never come back. What a session counts in must outlive its batches.
  void DropAll() { held_.clear(); }

  Limits limits = {.max_batches = 4, .max_messages = 2};
  absl::Duration handler_time;  // What each batch took.

 private:
  std::vector<std::unique_ptr<Batch>> held_;
};

// Runs batches in Execute, the next one after a hook of the test.
class HookedExecutor final : public Executor {
 public:
  // How it gives a batch back.
  enum class Way {
    kAtOnce,   // As the result of Execute, whatever comes.
    kReturns,  // As the result of Execute, this time.
    kDone,     // By Batch::Done.
  };

  explicit HookedExecutor(Way way = Way::kAtOnce) : way_(way) {
    limits.runs_at_once = way == Way::kAtOnce;
  }

  Limits LimitsFor(const HandlerBinding& /*binding*/) const override {
    return limits;
  }
  std::unique_ptr<Batch> Execute(std::unique_ptr<Batch> batch) override {
    const auto now = std::exchange(hook, nullptr);
    if (now) now(*batch);
    EchoBatch(batch.get());
    if (way_ != Way::kDone) return batch;
    Batch::Done(std::move(batch));
    return nullptr;
  }

  std::function<void(const Batch&)> hook;
  Limits limits = {.max_batches = 1, .max_messages = 2};

 private:
  const Way way_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_TESTING_MANUAL_EXECUTOR_H_
