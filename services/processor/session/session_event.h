#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_EVENT_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_EVENT_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace msgproc::processor {

// Something that happened to a session, for an operator who follows it. One is
// made per frame, batch or commit, never per message.
struct SessionEvent {
  enum class Kind {
    // A stream has the session now: its first one; one that came back; one that
    // took it from another; one whose client was told LOST. `through`: accepted
    // so far.
    kOpened,
    kResumed,
    kTakenOver,
    kLost,
    // Messages `first` to `through` were read and accepted; were given to the
    // handler; came back from it, `failed` of them as Errors.
    kAccepted,
    kDispatched,
    kHandled,
    // Results `first` to `through` are in the store; were taken by the client's
    // connection; were acknowledged by the client.
    kCommitted,
    kWritten,
    kAcknowledged,
    // The client has closed its side, or cannot acknowledge any more.
    kInputClosed,
    kStreamEnded,
  };

  Kind kind = Kind::kOpened;
  absl::Time at;  // By the session's clock.
  uint64_t first = 0;
  uint64_t through = 0;
  uint64_t failed = 0;
  // A google.rpc.Code and its text: of kStreamEnded, and of the last message
  // that failed. Of kLost the text is the reason.
  int code = 0;
  std::string text;
};

// In a few words, for logs. Static.
absl::string_view DescriptionOf(SessionEvent::Kind kind);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_EVENT_H_
