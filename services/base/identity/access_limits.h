#ifndef MSGPROC_SERVICES_BASE_IDENTITY_ACCESS_LIMITS_H_
#define MSGPROC_SERVICES_BASE_IDENTITY_ACCESS_LIMITS_H_

#include <cstdint>

namespace msgproc::base {

// What one principal may use of a server, over all of its connections. 0: as
// much as it likes.
struct AccessLimits {
  // Streams at the same time, and sessions, attached or not. What comes beyond
  // is refused.
  uint64_t streams = 0;
  uint64_t sessions = 0;
  // Messages, and bytes of them, that go to handlers. What comes beyond waits.
  double messages_per_second = 0;
  double bytes_per_second = 0;
  // What its sessions hold: messages that wait, and results that it has not
  // received. Beyond it handlers pause for this principal.
  uint64_t outstanding_bytes = 0;

  bool operator==(const AccessLimits& other) const = default;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_IDENTITY_ACCESS_LIMITS_H_
