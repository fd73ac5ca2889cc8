#include "services/processor/session/session_event.h"

namespace msgproc::processor {

absl::string_view DescriptionOf(SessionEvent::Kind kind) {
  switch (kind) {
    case SessionEvent::Kind::kOpened:
      return "session: opened";
    case SessionEvent::Kind::kResumed:
      return "session: resumed";
    case SessionEvent::Kind::kTakenOver:
      return "session: taken over by another stream";
    case SessionEvent::Kind::kLost:
      return "session: lost, its client was told so";
    case SessionEvent::Kind::kAccepted:
      return "session: messages accepted";
    case SessionEvent::Kind::kDispatched:
      return "session: messages given to the handler";
    case SessionEvent::Kind::kHandled:
      return "session: messages handled";
    case SessionEvent::Kind::kCommitted:
      return "session: results committed";
    case SessionEvent::Kind::kWritten:
      return "session: results written";
    case SessionEvent::Kind::kAcknowledged:
      return "session: results acknowledged";
    case SessionEvent::Kind::kInputClosed:
      return "session: input closed";
    case SessionEvent::Kind::kStreamEnded:
      break;
  }
  return "session: stream ended";
}

}  // namespace msgproc::processor
