#include "services/processor/workers/async_answers.h"

#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "common/check.h"
#include "services/base/log_throttle.h"
#include "services/processor/executors/traced_message.h"
#include "wire/frame.h"
#include "wire/trace_context.h"

namespace msgproc::processor {
namespace {

std::optional<wire::TraceContext> TraceOf(const Batch& batch, size_t index) {
  for (const TracedMessage& traced : batch.traced) {
    if (traced.index == index) return traced.context;
  }
  return std::nullopt;
}

// One message. Keeps all that the handler was given: the worker's buffer is
// another batch's by the time when a late Responder is let go of.
class Call final : public AsyncCall, private Cancellation {
 public:
  Call(std::shared_ptr<AsyncAnswers> answers, const Batch& batch,
       const Message& message, size_t index, absl::Time deadline)
      : answers_(std::move(answers)),
        index_(index),
        session_(batch.context),
        scope_(batch.idempotency_scope),
        handler_(batch.binding->name),
        body_(message.body),
        trace_(TraceOf(batch, index)),
        context_({.session = session_.get(),
                  .handler = handler_,
                  .attempt = batch.attempt,
                  .idempotency_scope = scope_,
                  .cancellation = this,
                  .deadline = deadline,
                  .trace = trace_ ? &*trace_ : nullptr},
                 message.sequence) {
    const bool parsed = wire::ParseMessage(body_, &message_);
    MSGPROC_CHECK(parsed);
  }

  const HandlerContext& context() const override { return context_; }
  const Message& message() const override { return message_; }

 private:
  void OnAnswer(const absl::Status& status, const Reply& reply) override {
    answers_->Set(index_, status, reply);
  }
  void OnRepeated() override {
    static base::LogThrottle throttle;
    if (throttle.Admit().has_value()) {
      std::fprintf(stderr, "handler '%s' answered a message twice\n",
                   handler_.c_str());
    }
    MSGPROC_DCHECK(!"A Responder was used twice.");
  }
  bool cancelled() const override { return answers_->answered(index_); }

  const std::shared_ptr<AsyncAnswers> answers_;
  const size_t index_;
  const std::shared_ptr<const SessionContext> session_;
  const std::string scope_;
  const std::string handler_;
  const std::string body_;
  const std::optional<wire::TraceContext> trace_;
  Message message_;  // Views of body_.
  const HandlerContext context_;
};

}  // namespace

void AsyncAnswers::Start(AsyncHandler* handler, const Batch& batch,
                         const Message& message, size_t index,
                         absl::Time deadline) {
  StartCall(handler, std::make_unique<Call>(shared_from_this(), batch, message,
                                            index, deadline));
}

void AsyncAnswers::Set(size_t index, const absl::Status& status,
                       const Reply& reply) {
  {
    MutexLock lock(&mutex_);
    Answer& answer = answers_.at(index);
    if (answer.there) return;
    answer.there = true;
    answer.status = status;
    answer.reply.mutable_payload()->assign(reply.payload().data(),
                                           reply.payload().size());
    for (const auto& [key, value] : reply.headers()) {
      answer.reply.AddHeader(key, value);
    }
  }
  changed_.Signal();
}

bool AsyncAnswers::WaitFor(size_t index, absl::Duration timeout) {
  MutexLock lock(&mutex_);
  if (!answers_.at(index).there && timeout > absl::ZeroDuration()) {
    changed_.WaitFor(&mutex_, timeout);
  }
  return answers_.at(index).there;
}

AsyncAnswers::Answer AsyncAnswers::Take(size_t index) {
  MutexLock lock(&mutex_);
  MSGPROC_CHECK(answers_.at(index).there);
  Answer taken = std::move(answers_.at(index));
  answers_.at(index) = Answer{.there = true};
  return taken;
}

void AsyncAnswers::Cancel() {
  MutexLock lock(&mutex_);
  for (Answer& answer : answers_) {
    if (answer.there) continue;
    answer.there = true;
    answer.status = absl::CancelledError("Nobody waits for it any more.");
  }
}

bool AsyncAnswers::answered(size_t index) {
  MutexLock lock(&mutex_);
  return answers_.at(index).there;
}

}  // namespace msgproc::processor
