#include "services/balancer/wire_conversions.h"

#include <algorithm>
#include <cstdint>

#include "wire/proto_duration.h"

namespace msgproc::balancer {
namespace {

v1::ServerState ToProto(ServerState state) {
  switch (state) {
    case ServerState::kServing:
      return v1::SERVER_STATE_SERVING;
    case ServerState::kDraining:
      return v1::SERVER_STATE_DRAINING;
    case ServerState::kUnhealthy:
      return v1::SERVER_STATE_UNHEALTHY;
    case ServerState::kStale:
      return v1::SERVER_STATE_STALE;
  }
  return v1::SERVER_STATE_UNSPECIFIED;
}

}  // namespace

ServerReport ToReport(const v1::RegisterRequest& request) {
  ServerReport report;
  report.server_id = request.server_id();
  report.address = request.address();
  report.weight = request.weight() == 0 ? 1 : request.weight();
  report.draining = request.state() == v1::SERVER_STATE_DRAINING;
  report.load.sessions = request.sessions();
  report.load.messages_per_second = request.messages_per_second();
  report.load.utilization = std::min(1.0, request.utilization());
  report.store_generation = request.store_generation();
  return report;
}

void ToProto(const Member& member, v1::Server* server) {
  server->set_server_id(member.server_id());
  server->set_address(member.address());
}

void ToProto(const ServerStatus& status, v1::ServerStatus* proto) {
  const ServerReport& report = status.report;
  proto->mutable_server()->set_server_id(report.server_id);
  proto->mutable_server()->set_address(report.address);
  proto->set_state(ToProto(status.state));
  proto->set_weight(report.weight);
  proto->mutable_load()->set_sessions(report.load.sessions);
  proto->mutable_load()->set_messages_per_second(
      report.load.messages_per_second);
  proto->mutable_load()->set_utilization(report.load.utilization);
  if (status.report_age < absl::InfiniteDuration()) {
    *proto->mutable_report_age() = wire::ToProto(status.report_age);
  }
  proto->set_static_(status.is_static);
  proto->set_store_generation(report.store_generation);
}

}  // namespace msgproc::balancer
