#include "services/balancer/wire_conversions.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/utf8.h"
#include "wire/proto_duration.h"
#include "wire/proto_locality.h"
#include "wire/proto_time.h"

namespace msgproc::balancer {
namespace {

// Of texts that are not checked, but kept and shown.
std::string Cut(const std::string& text) {
  constexpr size_t kMostBytes = 256;
  return TruncateUtf8(text, kMostBytes);
}

}  // namespace

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
  report.locality = wire::LocalityFromProto(request.locality());
  report.cordoned = report.draining && request.cordoned();
  report.takes_orders = request.takes_orders();
  const v1::Vitals& vitals = request.vitals();
  report.vitals.version = Cut(vitals.version());
  report.vitals.descriptors = vitals.descriptors();
  report.vitals.descriptor_limit = vitals.descriptor_limit();
  if (vitals.has_certificates_expire()) {
    report.vitals.certificates_expire =
        wire::FromProto(vitals.certificates_expire());
  }
  report.vitals.why_not_serving = Cut(vitals.why_not_serving());
  if (vitals.has_latency_p50()) {
    report.vitals.latency_p50 = wire::FromProto(vitals.latency_p50());
  }
  if (vitals.has_latency_p99()) {
    report.vitals.latency_p99 = wire::FromProto(vitals.latency_p99());
  }
  report.vitals.resident_bytes = vitals.resident_bytes();
  report.vitals.workers = vitals.workers();
  report.vitals.workers_serving = vitals.workers_serving();
  report.vitals.worker_deaths = vitals.worker_deaths();
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
  proto->set_cordoned(report.cordoned);
  if (!report.locality.empty()) {
    *proto->mutable_locality() = wire::ToProto(report.locality);
  }
}

void ToProto(const ServerOrder& order, v1::Order* proto) {
  if (order.cordoned.has_value()) proto->set_cordoned(*order.cordoned);
  proto->set_drain(order.drain);
  proto->set_drain_to(order.drain_to);
}

ServerOrder ToOrder(const v1::Order& proto) {
  ServerOrder order;
  if (proto.has_cordoned()) order.cordoned = proto.cordoned();
  order.drain = proto.drain();
  order.drain_to = proto.drain_to();
  return order;
}

}  // namespace msgproc::balancer
