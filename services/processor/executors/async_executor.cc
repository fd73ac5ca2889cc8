#include "services/processor/executors/async_executor.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "services/base/log.h"
#include "services/base/log_throttle.h"
#include "services/processor/executors/batch_names.h"
#include "services/processor/executors/pending_calls.h"
#include "services/processor/handlers/async_handler.h"
#include "wire/trace_context.h"

namespace msgproc::processor {

// The lock around what is pending. Batches are let go of, and given back,
// without it: they hold sessions.
class AsyncExecutor::Core {
 public:
  explicit Core(absl::Duration timeout)
      : timeout_(timeout), pending_(timeout) {}

  absl::Duration timeout() const { return timeout_; }

  // 0: stopped, and the batch is dropped.
  PendingCalls::Ticket Add(std::unique_ptr<Batch> batch, absl::Time now) {
    PendingCalls::Ticket ticket = 0;
    bool first = false;
    {
      MutexLock lock(&mutex_);
      if (stopped_) {
        lock.Unlock();
        batch.reset();
        return 0;
      }
      // Two threads may have looked at the clock in one order, and come here
      // in the other.
      latest_ = std::max(latest_, now);
      first = pending_.size() == 0;
      ticket = pending_.Add(std::move(batch), latest_);
    }
    counters_.pending.fetch_add(1, std::memory_order_relaxed);
    if (first && timeout_ < absl::InfiniteDuration()) changed_.Signal();
    return ticket;
  }

  std::unique_ptr<Batch> Take(PendingCalls::Ticket ticket) {
    MutexLock lock(&mutex_);
    std::unique_ptr<Batch> batch = pending_.Take(ticket);
    if (batch != nullptr) CountLeft(1);
    return batch;
  }

  bool Wanted(PendingCalls::Ticket ticket) {
    MutexLock lock(&mutex_);
    return pending_.Wanted(ticket);
  }

  StateDump DumpOf(uint64_t session, absl::Time now) {
    MutexLock lock(&mutex_);
    return pending_.DumpOf(session, now);
  }

  void DropUnwanted(uint64_t session) {
    std::vector<std::unique_ptr<Batch>> dropped;
    {
      MutexLock lock(&mutex_);
      dropped = pending_.TakeUnwanted(session);
      CountLeft(dropped.size());
    }
  }

  void Stop() {
    std::vector<std::unique_ptr<Batch>> dropped;
    {
      MutexLock lock(&mutex_);
      stopped_ = true;
      dropped = pending_.TakeAll();
      CountLeft(dropped.size());
    }
    changed_.SignalAll();
  }

  // The timer's life: answers what nobody else does.
  void AnswerDue() {
    MutexLock lock(&mutex_);
    while (!stopped_) {
      const absl::Time now = Clock::Monotonic()->Now();
      std::vector<std::unique_ptr<Batch>> due = pending_.TakeDue(now);
      if (due.empty()) {
        const absl::Time next = pending_.NextDue();
        if (next == absl::InfiniteFuture()) {
          changed_.Wait(&mutex_);
        } else {
          changed_.WaitFor(&mutex_, next - now);
        }
        continue;
      }
      CountLeft(due.size());
      lock.Unlock();
      for (std::unique_ptr<Batch>& batch : due) AnswerLate(std::move(batch));
      due.clear();
      lock.Relock();
    }
  }

  void OnRepeated(const HandlerContext& context) {
    counters_.repeated.fetch_add(1, std::memory_order_relaxed);
    if (const auto suppressed = repeated_log_.Admit(); suppressed.has_value()) {
      base::LogWarning("handler answered a message twice",
                       {{"handler", context.handler()},
                        {"session", context.session().session_id},
                        {"trace_id", context.trace() == nullptr
                                         ? context.session().trace_id
                                         : context.trace()->TraceId()},
                        {"suppressed", *suppressed}});
    }
    MSGPROC_DCHECK(!"A Responder was used twice.");
  }

  const AsyncCounters& counters() const { return counters_; }

 private:
  void CountLeft(size_t calls) {
    counters_.pending.fetch_sub(static_cast<int64_t>(calls),
                                std::memory_order_relaxed);
  }

  void AnswerLate(std::unique_ptr<Batch> batch) {
    counters_.unanswered.fetch_add(1, std::memory_order_relaxed);
    if (const auto suppressed = late_log_.Admit(); suppressed.has_value()) {
      base::LogWarning("handler did not answer in time",
                       {{"handler", batch->binding->name},
                        {"session", SessionIdOf(*batch)},
                        {"trace_id", TraceIdOf(*batch, 0)},
                        {"timeout", absl::FormatDuration(timeout_)},
                        {"suppressed", *suppressed}});
    }
    batch->handler_time = timeout_;
    AppendOutcome(batch.get(), batch->first_sequence,
                  NotAnsweredInTime(timeout_), Reply());
    Batch::Done(std::move(batch));
  }

  const absl::Duration timeout_;
  AsyncCounters counters_;
  base::LogThrottle repeated_log_;
  base::LogThrottle late_log_;

  Mutex mutex_;
  CondVar changed_;
  bool stopped_ MSGPROC_GUARDED_BY(mutex_) = false;
  absl::Time latest_ MSGPROC_GUARDED_BY(mutex_) = absl::InfinitePast();
  PendingCalls pending_ MSGPROC_GUARDED_BY(mutex_);
};

// One message. Keeps what the handler was given: the batch may be gone by the
// time when its Responder is.
class AsyncExecutor::Call final : public AsyncCall, private Cancellation {
 public:
  Call(std::shared_ptr<Core> core, Batch* batch, absl::Time begin)
      : core_(std::move(core)),
        session_(batch->context),
        handler_(batch->binding->name),
        message_(batch->messages[0]),
        traced_(!batch->traced.empty()),
        trace_(traced_ ? batch->traced[0].context : wire::TraceContext()),
        begin_(begin),
        context_({.session = session_.get(),
                  .handler = handler_,
                  .attempt = batch->attempt,
                  .idempotency_scope = batch->idempotency_scope,
                  .cancellation = this,
                  .deadline = begin + core_->timeout(),
                  .trace = traced_ ? &trace_ : nullptr},
                 message_.sequence) {
    pieces_.swap(batch->pieces);
  }

  // Whether the batch was taken in.
  bool Add(std::unique_ptr<Batch> batch) {
    ticket_ = core_->Add(std::move(batch), begin_);
    return ticket_ != 0;
  }

  const HandlerContext& context() const override { return context_; }
  const Message& message() const override { return message_; }

 private:
  void OnAnswer(const absl::Status& status, const Reply& reply) override {
    std::unique_ptr<Batch> batch = core_->Take(ticket_);
    if (batch == nullptr) return;
    batch->handler_time = Clock::Monotonic()->Now() - begin_;
    AppendOutcome(batch.get(), message_.sequence, status, reply);
    Batch::Done(std::move(batch));
  }
  void OnRepeated() override { core_->OnRepeated(context_); }
  bool cancelled() const override { return !core_->Wanted(ticket_); }

  const std::shared_ptr<Core> core_;
  const std::shared_ptr<const SessionContext> session_;
  const std::string handler_;
  std::vector<wire::Piece> pieces_;  // Where message_ is.
  const Message message_;
  const bool traced_;
  const wire::TraceContext trace_;
  const absl::Time begin_;
  const HandlerContext context_;
  PendingCalls::Ticket ticket_ = 0;
};

AsyncExecutor::AsyncExecutor(absl::Duration timeout)
    : core_(std::make_shared<Core>(timeout)) {}

Executor::Limits AsyncExecutor::LimitsFor(const HandlerBinding& binding) const {
  return {.max_batches = binding.traits.ordered ? 1 : UINT64_MAX,
          .max_messages = 1};
}

std::unique_ptr<Batch> AsyncExecutor::Execute(std::unique_ptr<Batch> batch) {
  MSGPROC_CHECK(batch != nullptr && batch->owner != nullptr);
  AsyncHandler* const handler = batch->binding->handler->async();
  MSGPROC_CHECK(handler != nullptr);
  batch->ParsePieces();
  MSGPROC_CHECK_EQ(batch->size, 1u);
  MSGPROC_CHECK_EQ(batch->messages.size(), 1u);
  const Message& message = batch->messages[0];
  if (absl::Status fits = CheckMessage(*batch->binding, message); !fits.ok()) {
    AppendOutcome(batch.get(), message.sequence, fits, Reply());
    return batch;
  }
  batch->first_sequence = message.sequence;
  auto call =
      std::make_unique<Call>(core_, batch.get(), Clock::Monotonic()->Now());
  if (core_->timeout() < absl::InfiniteDuration()) {
    std::call_once(timed_, [this] {
      timer_ = std::thread([core = core_.get()] { core->AnswerDue(); });
    });
  }
  if (call->Add(std::move(batch))) StartCall(handler, std::move(call));
  return nullptr;
}

void AsyncExecutor::AddDumps(uint64_t session_number, absl::Time now,
                             std::vector<StateDump>* dumps) const {
  dumps->push_back(StateDump(
      "processor::AsyncExecutor",
      {{"unanswered", counters().unanswered.load(std::memory_order_relaxed)},
       {"repeated", counters().repeated.load(std::memory_order_relaxed)}}));
  dumps->push_back(core_->DumpOf(session_number, now));
}

void AsyncExecutor::OnAbandoned(uint64_t session_number) {
  core_->DropUnwanted(session_number);
}

void AsyncExecutor::Stop() {
  core_->Stop();
  if (timer_.joinable()) timer_.join();
}

const AsyncCounters& AsyncExecutor::counters() const {
  return core_->counters();
}

}  // namespace msgproc::processor
