#ifndef MSGPROC_SERVICES_BASE_GRPC_STATUS_H_
#define MSGPROC_SERVICES_BASE_GRPC_STATUS_H_

#include <cstddef>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace msgproc::base {

// Most bytes of a status's message. It is percent-encoded on the wire, and
// clients take 8 KiB of trailers.
inline constexpr size_t kMostStatusBytes = 2048;

// The one place where an error of ours becomes a status of gRPC's. A message
// that is too long is cut, and what is not UTF-8 in it replaced.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_GRPC_STATUS_H_
