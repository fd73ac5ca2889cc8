#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_OPEN_REQUEST_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_OPEN_REQUEST_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/processor/handlers/session_context.h"
#include "services/processor/session/principal_quota.h"
#include "services/processor/store/claim.h"

namespace msgproc::processor {

// Which of a client's Opens one is: `instance` and `attempt` of the proto.
struct OpenGeneration {
  uint64_t instance = 0;
  uint64_t attempt = 0;

  // Whether it was sent before `other`, by the same client.
  bool Before(const OpenGeneration& other) const {
    return instance != 0 && instance == other.instance && attempt != 0 &&
           attempt < other.attempt;
  }
};

// What an Open asks for.
struct OpenRequest {
  absl::string_view session_id;     // Empty: made here.
  absl::string_view session_token;  // Empty: made here.
  absl::string_view client_name;
  uint64_t received_through = 0;
  // Whether messages came along.
  bool has_messages = false;
  OpenGeneration generation;
  // Whether another server sent the client here, who left nothing behind
  // there.
  bool moved = false;
  // Who opens it, as handlers are told; the session's name and the client's
  // are put in.
  SessionContext context;
  // What the client says of the store that it knows the session from.
  bool resumes = false;
  absl::string_view store_generation;
  // The handler that a new session gets, by its real name.
  absl::string_view handler;
  // What its principal may use; null: there are no limits.
  std::shared_ptr<PrincipalQuota> quota;
};

// INVALID_ARGUMENT: what is malformed, or may not come along.
absl::Status CheckOpen(const OpenRequest& request);

// The claim on the session, for its store: of a session that this process does
// not have.
Claim ClaimOf(const OpenRequest& request);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_OPEN_REQUEST_H_
