#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_FACTS_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_FACTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "services/processor/session/session.h"

namespace msgproc::processor {

// Since when a session is here, and what streams it has had. Times are of the
// session's clock.
struct SessionLife {
  absl::Time begun;
  absl::Time changed;  // When a stream came, or the last one left.
  uint64_t streams = 0;

  void OnAttached(absl::Time now) {
    ++streams;
    changed = now;
  }
};

// A session as it was at some moment, for operators.
struct SessionFacts {
  std::string id;
  std::string principal;  // Empty if, and only if, anonymous.
  std::string client_name;
  std::string handler;
  std::string peer;
  bool attached = false;
  bool stored = false;
  SessionLife life;
  absl::Time now;  // When it was so.

  // Positions, each at most the one below it; Session draws them.
  uint64_t received_through = 0;
  uint64_t taken_through = 0;
  uint64_t committed_through = 0;
  uint64_t ready_through = 0;
  uint64_t dispatched_through = 0;
  uint64_t accepted_through = 0;
  // In memory, about.
  size_t bytes = 0;
  size_t result_bytes = 0;
  // When the oldest message was accepted that has no result; none: there is
  // none.
  absl::optional<absl::Time> oldest_accepted_at;

  // Results that are ready, of which the client has not said that it has them.
  uint64_t unread() const {
    return ready_through - std::min(received_through, ready_through);
  }
};

// Where the oldest message is that the client has not acknowledged.
enum class SessionStage {
  kNone,             // There is none.
  kQueued,           // It waits for the handler,
  kHandler,          // is there,
  kCommit,           // its result waits for the store,
  kWrite,            // for the client to read,
  kAcknowledgement,  // or was written.
};
SessionStage StageOf(const SessionFacts& facts);

// What a session says of itself: positions, bytes and the oldest message.
SessionFacts FactsOf(const Session& session);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_FACTS_H_
