#ifndef MSGPROC_CLIENT_STATUS_H_
#define MSGPROC_CLIENT_STATUS_H_

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace msgproc::client {

// The same code and message.
inline absl::Status ToStatus(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
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
      return false;
  }
}

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_STATUS_H_
