#include "services/base/admin_server.h"

#include <grpcpp/server_builder.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/log.h"

namespace msgproc::base {
namespace {

constexpr int kMaxConnections = 64;

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> StartAdminServer(
    const AdminOptions& options, absl::string_view program,
    absl::string_view grpc_address, const CredentialsOptions& server,
    const std::vector<grpc::Service*>& services) {
  const bool automatic = options.address == AdminOptions::kAuto;
  const std::string address = automatic
                                  ? AutomaticAdminAddress(program, grpc_address)
                                  : options.address;
  if (address.empty()) return nullptr;
  GrpcServerOptions grpc;
  grpc.acceptor = {.address = address,
                   .unix_mode = 0600,
                   .max_connections = kMaxConnections};
  if (!absl::StartsWith(address, "unix:")) {
    grpc.credentials = server;
    grpc.credentials.tls_client_ca = options.client_ca;
    grpc.credentials.authenticate_all = nullptr;
  }
  // Its calls block for a while: they get a thread of theirs, and one more.
  grpc.configure = [](grpc::ServerBuilder* builder) {
    using grpc::ServerBuilder;
    builder->SetSyncServerOption(ServerBuilder::NUM_CQS, 1);
    builder->SetSyncServerOption(ServerBuilder::MIN_POLLERS, 1);
    builder->SetSyncServerOption(ServerBuilder::MAX_POLLERS, 1);
  };
  auto started = GrpcServer::Start(grpc, services);
  if (started.ok()) {
    LogInfo("serving operators", {{"address", (*started)->address()}});
    return started;
  }
  if (automatic) {
    LogWarning("operators have no way in",
               {{"address", address}, {"why", started.status().message()}});
    return nullptr;
  }
  return absl::Status(
      started.status().code(),
      absl::StrCat("--admin_address: ", started.status().message()));
}

}  // namespace msgproc::base
