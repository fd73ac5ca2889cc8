#ifndef MSGPROC_SERVICES_PROCESSOR_HANDLERS_HANDLER_CONTEXT_H_
#define MSGPROC_SERVICES_PROCESSOR_HANDLERS_HANDLER_CONTEXT_H_

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/processor/handlers/session_context.h"
#include "wire/trace_context.h"

namespace msgproc::processor {

class Transaction;

// Knows whether somebody still waits for a result.
class Cancellation {
 public:
  virtual ~Cancellation() = default;
  virtual bool cancelled() const = 0;
};

// What a handler may know beside the message: who sends it, and which try it
// is. Nothing of it is computed before it is asked for.
//
// Valid during the call of Handle and on its thread; beside a Responder for as
// long as that lives, and on any thread.
class HandlerContext {
 public:
  // What is the same for all messages of a batch. Views of what outlives the
  // context.
  struct Call {
    const SessionContext* session = nullptr;  // Null: nothing is known.
    absl::string_view handler;
    int attempt = 1;
    absl::string_view idempotency_scope;
    const Cancellation* cancellation = nullptr;  // Null: never.
    Transaction* transaction = nullptr;
    absl::Time deadline = absl::InfiniteFuture();
    const wire::TraceContext* trace = nullptr;
  };

  // For tests of handlers: of an anonymous stream.
  HandlerContext() = default;
  explicit HandlerContext(const Call& call, uint64_t sequence = 0)
      : call_(call), sequence_(sequence) {}

  // Whose messages these are, as of the time when this one was given out.
  const SessionContext& session() const {
    return call_.session == nullptr ? Unknown() : *call_.session;
  }
  // The name by which the handler was asked for.
  absl::string_view handler() const { return call_.handler; }
  // Which try of this message this is, from 1: beyond that, workers have died
  // over it before, or processes that had its session in their store, or may
  // have. At most: who died may not have come as far as this message.
  int attempt() const { return call_.attempt; }
  // Names the message for ever, the same in each try and on each server: for
  // effects that must not happen twice. Empty: a stream without `Open`, where
  // nothing is tried again.
  std::string idempotency_key() const {
    if (call_.idempotency_scope.empty()) return "";
    return absl::StrCat(call_.idempotency_scope, "/", sequence_);
  }
  // Whether nobody waits for the result any more, so that going on is of no
  // use. May make a system call.
  bool cancelled() const {
    return call_.cancellation != nullptr && call_.cancellation->cancelled();
  }
  // When the handler must have answered, by Clock::Monotonic(); infinite where
  // nothing stops it.
  absl::Time deadline() const { return call_.deadline; }

  // The span that this call is, where the message's trace is recorded here (it
  // carries a sampled traceparent, and the processor knows a collector): what
  // the handler begins, and whom it asks, has it as the parent. Null: not so;
  // the client's own traceparent, if any, is among the message's headers.
  const wire::TraceContext* trace() const { return call_.trace; }

  // The transaction that the message's result is committed in, for handlers
  // with HandlerTraits::transactional; null for others. Valid during the call.
  Transaction* transaction() const { return call_.transaction; }

  // For executors: the next message of the batch.
  void MoveTo(uint64_t sequence) { sequence_ = sequence; }
  void SetTrace(const wire::TraceContext* trace) { call_.trace = trace; }

 private:
  static const SessionContext& Unknown() {
    static const auto* const unknown = new SessionContext();
    return *unknown;
  }

  Call call_;
  uint64_t sequence_ = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_HANDLERS_HANDLER_CONTEXT_H_
