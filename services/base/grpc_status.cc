#include "services/base/grpc_status.h"

#include "common/utf8.h"

namespace msgproc::base {

grpc::Status ToGrpcStatus(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      TruncateUtf8(status.message(), kMostStatusBytes));
}

}  // namespace msgproc::base
