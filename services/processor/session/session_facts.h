#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_FACTS_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_FACTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "services/processor/handlers/session_context.h"
#include "services/processor/session/session.h"
#include "services/processor/session/session_story.h"

namespace msgproc::processor {

// A session as it was at some moment, for operators. Views are of what lives as
// long as the session.
struct SessionFacts {
  absl::string_view id;  // Empty: a stream without a session.
  // Which of those: no other of this process has it.
  uint64_t stream = 0;
  absl::string_view principal;  // Empty if, and only if, anonymous.
  absl::string_view client_name;
  absl::string_view handler;
  // Of the stream that has it, or had it last; null: there was none.
  std::shared_ptr<const SessionContext> context;
  bool attached = false;
  bool stored = false;
  SessionStory story;
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
