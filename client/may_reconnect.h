#ifndef MSGPROC_CLIENT_MAY_RECONNECT_H_
#define MSGPROC_CLIENT_MAY_RECONNECT_H_

#include "absl/status/status.h"
#include "absl/strings/match.h"

namespace msgproc::client {

// Whether it was HTTP/2 that ended the stream so, and not the server: with
// ENHANCE_YOUR_CALM (RFC 9113), as a gRPC server does that is short of memory.
// gRPC gives that the code of a status that has to stay, and says so in words.
inline bool IsStreamReset(const absl::Status& status) {
  return absl::IsResourceExhausted(status) &&
         absl::StrContains(status.message(), "RST_STREAM");
}

// Whether a stream that ended so is opened again (rule 8).
inline bool MayReconnect(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kCancelled:
      return true;
    default:
      return IsStreamReset(status);
  }
}

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_MAY_RECONNECT_H_
