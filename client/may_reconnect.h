#ifndef MSGPROC_CLIENT_MAY_RECONNECT_H_
#define MSGPROC_CLIENT_MAY_RECONNECT_H_

#include "absl/status/status.h"

namespace msgproc::client {

// Whether a stream that ended so is opened again (rule 8).
inline bool MayReconnect(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kCancelled:
      return true;
    default:
      return false;
  }
}

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_MAY_RECONNECT_H_
