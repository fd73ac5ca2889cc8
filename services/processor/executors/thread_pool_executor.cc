#include "services/processor/executors/thread_pool_executor.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "common/check.h"
#include "common/clock.h"

namespace msgproc::processor {
namespace {

constexpr int64_t kBatchNanoseconds = 250'000;
constexpr uint64_t kMaxBatchMessages = 256;
// Until something is known of a handler.
constexpr uint64_t kFirstBatchMessages = 4;

}  // namespace

ThreadPoolExecutor::ThreadPoolExecutor(int threads)
    : thread_count_(std::max(1, threads)),
      queue_(static_cast<size_t>(thread_count_)) {
  threads_.reserve(static_cast<size_t>(thread_count_));
  for (int i = 0; i < thread_count_; ++i) {
    threads_.emplace_back([this] { Work(); });
  }
}

Executor::Limits ThreadPoolExecutor::LimitsFor(
    const HandlerBinding& binding) const {
  const int64_t each =
      binding.message_nanoseconds.load(std::memory_order_relaxed);
  const uint64_t messages =
      each == 0 ? kFirstBatchMessages
                : std::clamp<uint64_t>(
                      static_cast<uint64_t>(kBatchNanoseconds / each), 1,
                      kMaxBatchMessages);
  return {.max_batches = binding.traits.ordered
                             ? 1
                             : static_cast<uint64_t>(thread_count_) * 2,
          .max_messages = messages,
          .max_bytes = 1 << 20};
}

std::unique_ptr<Batch> ThreadPoolExecutor::Execute(
    std::unique_ptr<Batch> batch) {
  {
    MutexLock lock(&mutex_);
    MSGPROC_CHECK(batch != nullptr && batch->owner != nullptr);
    if (stopping_) return nullptr;
    queue_.Push(std::move(batch), Clock::Monotonic()->Now());
  }
  arrived_.Signal();
  return nullptr;
}

void ThreadPoolExecutor::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  arrived_.SignalAll();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  // Let go of without the lock: batches hold sessions.
  std::vector<std::unique_ptr<Batch>> dropped;
  MutexLock lock(&mutex_);
  dropped = queue_.TakeAll();
  lock.Unlock();
}

void ThreadPoolExecutor::Work() {
  MutexLock lock(&mutex_);
  while (true) {
    std::unique_ptr<Batch> batch;
    while (!stopping_) {
      batch = queue_.Pop(Clock::Monotonic()->Now());
      if (batch != nullptr) break;
      arrived_.Wait(&mutex_);
    }
    if (batch == nullptr) return;
    lock.Unlock();
    const uint64_t session = batch->session_number;
    batch->ParsePieces();
    MSGPROC_CHECK_EQ(batch->messages.size(), batch->size);
    if (RunHandler(batch.get(), &stopping_)) Batch::Done(std::move(batch));
    batch.reset();
    lock.Relock();
    queue_.OnDone(session, Clock::Monotonic()->Now());
  }
}

}  // namespace msgproc::processor
