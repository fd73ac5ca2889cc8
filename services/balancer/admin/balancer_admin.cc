#include "services/balancer/admin/balancer_admin.h"

#include <cstddef>
#include <string>
#include <utility>

#include "common/clock.h"
#include "services/balancer/policy_kind.h"
#include "services/balancer/server_status.h"
#include "services/base/admin_process.h"
#include "services/base/grpc_status.h"
#include "services/base/state_message.h"

namespace msgproc::balancer {

BalancerAdmin::BalancerAdmin(std::string address, const Fleet* fleet,
                             base::VitalsMeter* vitals,
                             std::function<std::vector<StateDump>()> dump)
    : address_(std::move(address)),
      fleet_(fleet),
      vitals_(vitals),
      dump_(std::move(dump)),
      begun_(Clock::Monotonic()->Now()) {}

grpc::Status BalancerAdmin::GetStatus(
    grpc::ServerContext* /*context*/,
    const admin::v1::GetStatusRequest* /*request*/,
    admin::v1::GetStatusResponse* response) {
  base::WriteProcessStatus(admin::v1::SERVER_KIND_BALANCER, begun_, vitals_,
                           response);
  response->set_address(address_);
  const ServerCounts counts = fleet_->counts();
  const auto count = [&counts](ServerState state) {
    return counts[static_cast<size_t>(state)];
  };
  admin::v1::FleetStatus* const fleet = response->mutable_fleet();
  fleet->set_serving(count(ServerState::kServing));
  fleet->set_draining(count(ServerState::kDraining));
  fleet->set_unhealthy(count(ServerState::kUnhealthy));
  fleet->set_stale(count(ServerState::kStale));
  fleet->set_policy(std::string(PolicyName(fleet_->policy())));
  fleet->set_fail_static(fleet_->fail_static());
  fleet->set_stores(fleet_->stores());
  fleet->set_moves(fleet_->moves());
  return grpc::Status::OK;
}

grpc::Status BalancerAdmin::SetLogLevel(
    grpc::ServerContext* /*context*/,
    const admin::v1::SetLogLevelRequest* request,
    admin::v1::SetLogLevelResponse* response) {
  return base::ToGrpcStatus(base::ChangeLogLevel(*request, response));
}

grpc::Status BalancerAdmin::DumpState(
    grpc::ServerContext* /*context*/,
    const admin::v1::DumpStateRequest* request,
    admin::v1::DumpStateResponse* response) {
  if (!request->session_id().empty() || request->stream() != 0) {
    return grpc::Status(grpc::StatusCode::UNIMPLEMENTED,
                        "A balancer has no sessions.");
  }
  base::WriteDumps(dump_(), response);
  return grpc::Status::OK;
}

}  // namespace msgproc::balancer
