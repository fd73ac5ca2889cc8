#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_CONTEXT_ENCODINGS_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_CONTEXT_ENCODINGS_H_

#include <cstddef>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/time/time.h"
#include "services/processor/executors/batch.h"
#include "services/processor/handlers/session_context.h"

namespace msgproc::processor {

// What workers are told of sessions, as fields of the protocol's Context:
// encoded once for a session's context, and not for each of its batches. Not
// thread-safe.
class ContextEncodings {
 public:
  // `handler_timeout`: how long a worker may take for a message.
  explicit ContextEncodings(absl::Duration handler_timeout);

  // Fields of the context, but for `attempt`.
  std::shared_ptr<const std::string> Of(const Batch& batch);
  // Forgets those of sessions that are gone. To be called now and then.
  void Tidy();
  size_t size() const { return encodings_.size(); }

 private:
  struct Encoding {
    // Keeps the address from being another's.
    std::shared_ptr<const SessionContext> context;
    std::shared_ptr<const std::string> encoded;
  };

  const absl::Duration handler_timeout_;
  // Of a batch of which nothing is known.
  const std::shared_ptr<const std::string> unknown_;
  std::unordered_map<const SessionContext*, Encoding> encodings_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_CONTEXT_ENCODINGS_H_
