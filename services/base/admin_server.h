#ifndef MSGPROC_SERVICES_BASE_ADMIN_SERVER_H_
#define MSGPROC_SERVICES_BASE_ADMIN_SERVER_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/base/admin_flags.h"
#include "services/base/credentials.h"
#include "services/base/grpc_server.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace msgproc::base {

// Serves operators at an address of their own, apart from clients: a Unix
// socket of mode 0600, or TCP with mTLS by an authority of its own and the
// certificate of `server`. Null where the options say nowhere. Errors as of
// GrpcServer::Start, but for those of an automatic address, which are logged:
// nobody has asked for it. `services` outlive what is returned.
absl::StatusOr<std::unique_ptr<GrpcServer>> StartAdminServer(
    const AdminOptions& options, absl::string_view program,
    absl::string_view grpc_address, const CredentialsOptions& server,
    const std::vector<grpc::Service*>& services);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_ADMIN_SERVER_H_
