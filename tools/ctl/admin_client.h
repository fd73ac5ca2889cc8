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
#include "msgproc/v1/balancer.pb.h"

namespace msgproc::ctl {

// The services Admin and Fleet of one server, for a program that asks and
// waits. Errors say what answers there, or what to do. Not thread-safe.
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
  // `name`: of a session; where there is none of it, "@" and the number of a
  // stream without one. Likewise EndStream's.
  absl::StatusOr<admin::v1::Session> GetSession(const std::string& name);
  absl::StatusOr<admin::v1::MoveSessionsResponse> MoveSessions(
      uint64_t sessions, const std::string& address);
  // All pages.
  absl::StatusOr<admin::v1::ListWorkersResponse> ListWorkers();
  absl::Status ForgetSession(const std::string& id);
  // `session_id` empty: of the whole server.
  absl::StatusOr<admin::v1::SetLogLevelResponse> SetLogLevel(
      admin::v1::LogLevel level, const std::string& session_id);
  absl::StatusOr<admin::v1::TraceSessionResponse> TraceSession(
      const admin::v1::TraceSessionRequest& request);
  // `name` as of GetSession; empty: of the server itself.
  absl::StatusOr<admin::v1::DumpStateResponse> DumpState(
      const std::string& name);
  absl::StatusOr<admin::v1::SetCordonResponse> SetCordon(bool cordoned);
  absl::Status EndStream(const std::string& name);

  // All pages of what the filters let through.
  absl::StatusOr<admin::v1::ListServersResponse> ListServers(
      const admin::v1::ListServersRequest& request = {});
  absl::Status OrderServer(const std::string& server_id,
                           const v1::Order& order);

  // As the command line has it, or as it was found.
  const std::string& server() const { return server_; }

 private:
  AdminClient(std::string server, std::unique_ptr<admin::v1::Admin::Stub> admin,
              std::unique_ptr<admin::v1::Fleet::Stub> fleet);

  template <typename Stub, typename Request, typename Response>
  using Method = grpc::Status (Stub::*)(grpc::ClientContext*, const Request&,
                                        Response*);
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(Stub* stub,
                                Method<Stub, Request, Response> method,
                                const Request& request);
  // Of a list with pages: all of them.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> CallForAll(Stub* stub,
                                      Method<Stub, Request, Response> method,
                                      Request request);
  // For the session or stream of that name.
  template <typename Request, typename Response>
  absl::StatusOr<Response> CallFor(
      const std::string& name,
      Method<admin::v1::Admin::Stub, Request, Response> method);
  // Why the server does not know a call, which servers of these kinds should.
  enum class For { kProcessors, kBalancers, kBoth };
  std::string WhyUnimplemented(For kinds);
  template <typename Stub, typename Request>
  static For KindsOf(const Request& request);

  const std::string server_;
  const std::unique_ptr<admin::v1::Admin::Stub> admin_;
  const std::unique_ptr<admin::v1::Fleet::Stub> fleet_;
};

}  // namespace msgproc::ctl

#endif  // MSGPROC_TOOLS_CTL_ADMIN_CLIENT_H_
