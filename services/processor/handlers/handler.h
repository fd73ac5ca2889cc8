#ifndef MSGPROC_SERVICES_PROCESSOR_HANDLERS_HANDLER_H_
#define MSGPROC_SERVICES_PROCESSOR_HANDLERS_HANDLER_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/processor/handlers/handler_context.h"
#include "wire/frame.h"

namespace msgproc::processor {

// A message as its handler sees it: sequence, payload, headers(). Views, valid
// during the call.
using Message = wire::MessageView;

// What a handler makes of a message. Reused from message to message.
class Reply {
 public:
  // The payload, to be filled in place; empty at first.
  std::string* mutable_payload() {
    borrowed_ = false;
    return &payload_;
  }

  // A payload that need not be copied here: a view into the message, or into
  // anything else that outlives the call of Handle by the batch it is part of.
  void BorrowPayload(absl::string_view payload) {
    borrowed_ = true;
    view_ = payload;
  }

  void AddHeader(std::string key, std::string value) {
    headers_.emplace_back(std::move(key), std::move(value));
  }

  absl::string_view payload() const { return borrowed_ ? view_ : payload_; }
  const std::vector<std::pair<std::string, std::string>>& headers() const {
    return headers_;
  }

  void Clear() {
    borrowed_ = false;
    payload_.clear();
    headers_.clear();
  }

 private:
  bool borrowed_ = false;
  absl::string_view view_;
  std::string payload_;
  std::vector<std::pair<std::string, std::string>> headers_;
};

class AsyncHandler;

// What the processor does with messages. One object serves every session, so
// Handle is called from several threads at once.
class Handler {
 public:
  virtual ~Handler() = default;

  // Fills `reply`, or returns why the message failed: its code and text become
  // the Error of the message's Result. UNAVAILABLE, ABORTED, DEADLINE_EXCEEDED
  // and RESOURCE_EXHAUSTED are marked as worth trying again. An exception
  // becomes INTERNAL; nothing else is touched by either.
  virtual absl::Status Handle(const HandlerContext& context,
                              const Message& message, Reply* reply) = 0;

  // Itself, if it is one that answers later (async_handler.h).
  virtual AsyncHandler* async() { return nullptr; }
};

// How a handler wants to be called.
struct HandlerTraits {
  // Never waits and takes a few microseconds at most: it runs on the thread
  // that read the message. Anything else belongs to the thread pool, or it
  // holds up other sockets.
  bool never_blocks = false;
  // A session's messages run one at a time and in order. Otherwise they may run
  // in parallel; results leave in order either way.
  bool ordered = false;
  // What it does in HandlerContext::transaction() is committed together with
  // the result, once, whatever dies. A session's messages run in order, on a
  // thread of the store's; the handler may be called again for a message whose
  // transaction was rolled back. Needs a processor with a session store.
  bool transactional = false;
  // It runs in workers that commit what they do by themselves, together with
  // their results (msgproc_commit). A session's messages run in order, and none
  // before the results in front of it are committed.
  bool workers_commit = false;
  // A larger payload fails by itself, without a call.
  size_t max_payload_bytes = std::numeric_limits<size_t>::max();
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_HANDLERS_HANDLER_H_
