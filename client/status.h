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

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_STATUS_H_
