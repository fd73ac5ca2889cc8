#ifndef MSGPROC_CLIENT_STREAM_EVENT_H_
#define MSGPROC_CLIENT_STREAM_EVENT_H_

#include <string>

#include "absl/status/status.h"

namespace msgproc::client {

// What a server knew of the session that was opened on it; kNone: nothing was
// opened.
enum class SessionState { kNone, kNew, kResumed, kLost };

// What happens to a stream beside its results.
struct StreamEvent {
  using State = SessionState;

  enum class Kind {
    kConnected,     // A server answered Open: `server_id`, `address`, `state`,
                    // `store_generation`.
    kDisconnected,  // The connection is gone: `status`. Reconnects by itself.
    kDraining,      // The server asked to move elsewhere.
    kViolation,     // The server broke the protocol: `status`, INTERNAL, says
                    // how; a result that came twice, for one. The connection
                    // is given up.
    kClosed,        // The end, after which nothing follows: `status`.
  };
  Kind kind = Kind::kConnected;
  State state = State::kNone;
  std::string server_id;
  std::string address;
  // The store that keeps the session; empty: it is in the server's memory.
  std::string store_generation;
  absl::Status status;
  // kViolation: the server sent a second result of a message, and `on_result`
  // was not called with it.
  bool duplicate = false;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_STREAM_EVENT_H_
