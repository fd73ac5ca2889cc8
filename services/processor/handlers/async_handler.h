#ifndef MSGPROC_SERVICES_PROCESSOR_HANDLERS_ASYNC_HANDLER_H_
#define MSGPROC_SERVICES_PROCESSOR_HANDLERS_ASYNC_HANDLER_H_

#include <atomic>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/processor/handlers/handler.h"

namespace msgproc::processor {

// A message that an AsyncHandler has begun, as its executor sees it. Outlives
// the executor where the handler's Responder does.
class AsyncCall {
 public:
  virtual ~AsyncCall() = default;

  virtual const HandlerContext& context() const = 0;
  virtual const Message& message() const = 0;

  // Takes the answer, unless there was one. Any thread.
  void Answer(const absl::Status& status, const Reply& reply) {
    if (answered_.exchange(true)) {
      OnRepeated();
    } else {
      OnAnswer(status, reply);
    }
  }
  bool answered() const { return answered_.load(); }

 private:
  // At most once; by then the executor may have answered in its stead.
  virtual void OnAnswer(const absl::Status& status, const Reply& reply) = 0;
  // The handler answers again: a mistake of its author's.
  virtual void OnRepeated() = 0;

  std::atomic<bool> answered_{false};
};

// Answers one message: once, on any thread, whenever it likes. What comes after
// the first answer, or after the deadline, is dropped. Let go of without an
// answer, it answers INTERNAL.
class Responder {
 public:
  // For executors.
  explicit Responder(std::unique_ptr<AsyncCall> call)
      : call_(std::move(call)) {}
  ~Responder() { LetGo(); }
  Responder(Responder&& other) noexcept = default;
  Responder& operator=(Responder&& other) noexcept {
    if (this != &other) {
      LetGo();
      call_ = std::move(other.call_);
    }
    return *this;
  }

  // May borrow its payload from the message.
  void Finish(const Reply& reply) { call_->Answer(absl::OkStatus(), reply); }
  // As what Handle returns; OK is none.
  void Fail(const absl::Status& status) {
    call_->Answer(status.ok() ? absl::InternalError(
                                    "The handler failed and did not say why.")
                              : status,
                  Reply());
  }

  // Those that Start was given, for as long as this lives.
  const HandlerContext& context() const { return call_->context(); }
  const Message& message() const { return call_->message(); }

 private:
  void LetGo() {
    if (call_ == nullptr || call_->answered()) return;
    call_->Answer(
        absl::InternalError("The handler let go of the message unanswered."),
        Reply());
  }

  std::unique_ptr<AsyncCall> call_;
};

// A handler that answers later: one that asks another service, say. However
// many of its messages wait, they cost no thread.
class AsyncHandler : public Handler {
 public:
  // Begins with the message and returns at once: it runs on the thread that
  // reads other sockets. The context and the message may be kept for as long as
  // the Responder.
  //
  // Who does not answer by context().deadline() has answered
  // DEADLINE_EXCEEDED.
  virtual void Start(const HandlerContext& context, const Message& message,
                     Responder responder) = 0;

  AsyncHandler* async() final { return this; }
  absl::Status Handle(const HandlerContext& /*context*/,
                      const Message& /*message*/, Reply* /*reply*/) final {
    return absl::InternalError("An AsyncHandler is started, not called.");
  }
};

// For executors: starts the handler on a call. A handler that throws has let go
// of its Responder on the way, which answers.
void StartCall(AsyncHandler* handler, std::unique_ptr<AsyncCall> call);

// What a message is answered with that a handler has left alone for `timeout`.
absl::Status NotAnsweredInTime(absl::Duration timeout);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_HANDLERS_ASYNC_HANDLER_H_
