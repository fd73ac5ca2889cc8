#include "services/processor/workers/testing/fake_session.h"

#include <utility>

#include "common/clock.h"
#include "services/processor/workers/testing/worker_batches.h"

namespace msgproc::processor {

std::unique_ptr<Batch> FakeSession::MakeBatch(
    const std::vector<std::string>& payloads) {
  std::unique_ptr<WorkerBatch> work =
      MakeWorkerBatch(binding_, payloads, next_sequence_);
  std::unique_ptr<Batch> batch = std::move(work->batch);
  batch->pieces = std::move(work->pieces);
  batch->owner = shared_from_this();
  batch->session_number = number_;
  batch->context = context_;
  if (context_ != nullptr) batch->idempotency_scope = context_->session_id;
  batch->first_position = next_sequence_;
  batch->affinity = affinity_;
  next_sequence_ += payloads.size();
  ++out_;
  return batch;
}

void FakeSession::SendBatch(const std::vector<std::string>& payloads) {
  std::unique_ptr<Batch> batch;
  {
    MutexLock lock(&mutex_);
    sent_ += payloads.size();
    batch = MakeBatch(payloads);
  }
  Execute(std::move(batch));
}

void FakeSession::Execute(std::unique_ptr<Batch> batch) {
  batch = executor_->Execute(std::move(batch));
  if (batch != nullptr) OnBatchDone(std::move(batch));
}

void FakeSession::Send(const std::vector<std::string>& payloads) {
  {
    MutexLock lock(&mutex_);
    sent_ += payloads.size();
    pending_.insert(pending_.end(), payloads.begin(), payloads.end());
  }
  Pump();
}

void FakeSession::Pump() {
  while (true) {
    const Executor::Limits limits = executor_->LimitsFor(*binding_);
    std::unique_ptr<Batch> batch;
    {
      MutexLock lock(&mutex_);
      if (pending_.empty() || out_ >= limits.max_batches) return;
      std::vector<std::string> payloads;
      while (!pending_.empty() && payloads.size() < limits.max_messages) {
        payloads.push_back(std::move(pending_.front()));
        pending_.pop_front();
      }
      batch = MakeBatch(payloads);
    }
    Execute(std::move(batch));
  }
}

void FakeSession::OnBatchDone(std::unique_ptr<Batch> batch) {
  const std::vector<v1::Result> results = ResultsOf(batch->results);
  {
    MutexLock lock(&mutex_);
    bool right = results.size() == batch->size;
    for (uint64_t i = 0; i < results.size(); ++i) {
      right = right && results[i].sequence() == batch->first_position + i;
      right =
          results_.emplace(results[i].sequence(), results[i]).second && right;
    }
    if (!right) ++wrong_;
    --out_;
    affinity_ = batch->affinity;
  }
  changed_.SignalAll();
  Pump();
}

std::vector<v1::Result> FakeSession::Results(uint64_t messages,
                                             absl::Duration timeout) {
  const absl::Time deadline = Clock::Monotonic()->Now() + timeout;
  MutexLock lock(&mutex_);
  while (results_.size() < messages) {
    const absl::Duration left = deadline - Clock::Monotonic()->Now();
    if (left <= absl::ZeroDuration()) break;
    changed_.WaitFor(&mutex_, left);
  }
  std::vector<v1::Result> results;
  results.reserve(results_.size());
  for (const auto& [sequence, result] : results_) results.push_back(result);
  return results;
}

uint64_t FakeSession::sent() {
  MutexLock lock(&mutex_);
  return sent_;
}

uint64_t FakeSession::answered() {
  MutexLock lock(&mutex_);
  return results_.size();
}

uint64_t FakeSession::wrong() {
  MutexLock lock(&mutex_);
  return wrong_;
}

}  // namespace msgproc::processor
