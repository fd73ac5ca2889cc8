#include "services/balancer/admin/fleet_service.h"

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/quoted.h"
#include "services/balancer/admin/select_servers.h"
#include "services/balancer/server_order.h"
#include "services/balancer/wire_conversions.h"
#include "services/base/grpc_status.h"
#include "services/base/log.h"
#include "wire/proto_duration.h"
#include "wire/proto_time.h"

namespace msgproc::balancer {
namespace {

void WriteServer(const ServerStatus& status, admin::v1::FleetServer* server) {
  ToProto(status, server->mutable_status());
  server->set_takes_orders(TakesOrders(status).ok());
  const ServerVitals& vitals = status.report.vitals;
  // One that never said so is too old, or never reports.
  if (vitals.version.empty()) return;
  v1::Vitals* const proto = server->mutable_vitals();
  proto->set_version(vitals.version);
  proto->set_descriptors(vitals.descriptors);
  proto->set_descriptor_limit(vitals.descriptor_limit);
  proto->set_why_not_serving(vitals.why_not_serving);
  if (vitals.certificates_expire < absl::InfiniteFuture()) {
    *proto->mutable_certificates_expire() =
        wire::ToProto(vitals.certificates_expire);
  }
  if (vitals.latency_p50.has_value()) {
    *proto->mutable_latency_p50() = wire::ToProto(*vitals.latency_p50);
  }
  if (vitals.latency_p99.has_value()) {
    *proto->mutable_latency_p99() = wire::ToProto(*vitals.latency_p99);
  }
  proto->set_resident_bytes(vitals.resident_bytes);
  proto->set_workers(vitals.workers);
  proto->set_workers_serving(vitals.workers_serving);
  proto->set_worker_deaths(vitals.worker_deaths);
  if (vitals.clock_ahead.has_value()) {
    *server->mutable_clock_ahead() = wire::ToProto(*vitals.clock_ahead);
  }
}

}  // namespace

grpc::Status FleetService::ListServers(
    grpc::ServerContext* /*context*/,
    const admin::v1::ListServersRequest* request,
    admin::v1::ListServersResponse* response) {
  ServersPage page = SelectServers(*request, fleet_->List());
  for (const ServerStatus& status : page.servers) {
    WriteServer(status, response->add_servers());
  }
  response->set_next_page_token(page.next_page_token);
  return grpc::Status::OK;
}

grpc::Status FleetService::OrderServer(
    grpc::ServerContext* /*context*/,
    const admin::v1::OrderServerRequest* request,
    admin::v1::OrderServerResponse* /*response*/) {
  const ServerOrder order = ToOrder(request->order());
  const absl::Status status = fleet_->Order(request->server_id(), order);
  std::string cordoned = "as it is";
  if (order.cordoned.has_value()) cordoned = *order.cordoned ? "yes" : "no";
  base::LogInfo("an operator orders a server about",
                {{"server_id", Quoted(request->server_id())},
                 {"cordoned", cordoned},
                 {"drain", order.drain},
                 {"drain_to", Quoted(order.drain_to)},
                 {"status", status.ok() ? "OK" : status.ToString()}});
  return base::ToGrpcStatus(status);
}

}  // namespace msgproc::balancer
