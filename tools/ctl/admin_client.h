#ifndef MSGPROC_TOOLS_CTL_ADMIN_CLIENT_H_
#define MSGPROC_TOOLS_CTL_ADMIN_CLIENT_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "msgproc/admin/v1/admin.grpc.pb.h"
#include "msgproc/admin/v1/admin.pb.h"

namespace msgproc::ctl {

// The service Admin of one server, for a program that asks and waits. Errors
// say what answers there, or what to do. Not thread-safe.
class AdminClient {
 public:
  struct Options {
    // unix:/path or host:port; empty: the only one that has a socket in
    // `folders`.
    std::string server;
    std::vector<std::string> folders;
    // PEM files, for host:port.
    std::string tls_ca;
    std::string tls_cert;
    std::string tls_key;
  };

  static absl::StatusOr<std::unique_ptr<AdminClient>> Connect(
      const Options& options);

  absl::StatusOr<admin::v1::GetStatusResponse> GetStatus();
  // As many pages as it takes for `most` sessions; 0: all.
  absl::StatusOr<admin::v1::ListSessionsResponse> ListSessions(
      admin::v1::ListSessionsRequest request, uint64_t most);
  absl::StatusOr<admin::v1::Session> GetSession(const std::string& id);
  absl::StatusOr<admin::v1::MoveSessionsResponse> MoveSessions(
      uint64_t sessions, const std::string& address);
  absl::Status ForgetSession(const std::string& id);
  absl::StatusOr<admin::v1::SetLogLevelResponse> SetLogLevel(
      admin::v1::LogLevel level);

 private:
  AdminClient(std::string server, std::unique_ptr<admin::v1::Admin::Stub> stub);

  template <typename Request, typename Response>
  using Method = grpc::Status (admin::v1::Admin::Stub::*)(grpc::ClientContext*,
                                                          const Request&,
                                                          Response*);
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(Method<Request, Response> method,
                                const Request& request);

  const std::string server_;
  const std::unique_ptr<admin::v1::Admin::Stub> stub_;
};

}  // namespace msgproc::ctl

#endif  // MSGPROC_TOOLS_CTL_ADMIN_CLIENT_H_
