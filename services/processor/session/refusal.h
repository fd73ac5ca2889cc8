#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_REFUSAL_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_REFUSAL_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace msgproc::processor {

// Why a stream was not opened, or ended by this server against its client's
// will: finer than the status that the client sees.
enum class Refusal {
  kUnauthenticated,  // No credentials, or none that count (any more).
  kDenied,           // The access file does not let the principal do that.
  kNotOwner,         // Another principal's session, or a wrong session_token.
  kHandlerUnknown,
  kNoStore,    // The handler needs a session store, and there is none.
  kQuota,      // More streams or sessions than the principal may have.
  kMemory,     // No memory for a new session.
  kStoreDown,  // The session store cannot be asked.
  kStoreLost,  // It knows less of the session than its client.
  kExpired,    // The session was kept for as long as it is.
  kDraining,   // This server stops.
  kWindow,     // More messages under way than the client may have.
  kMalformed,  // It breaks another rule of the protocol.
  kCount,
};

inline constexpr size_t kRefusals = static_cast<size_t>(Refusal::kCount);

// "unauthenticated", ...: a metric's label.
absl::string_view RefusalName(Refusal reason);

// `status` with a mark that says more than its code does; code and message stay
// what they are, and the mark does not reach the client. It must not be OK.
absl::Status Marked(Refusal reason, absl::Status status);

// What `status`, which is not OK, refuses: by its mark, or else by its code.
// `draining`: whether the server stops, which explains what is UNAVAILABLE.
Refusal RefusalOf(const absl::Status& status, bool draining);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_REFUSAL_H_
