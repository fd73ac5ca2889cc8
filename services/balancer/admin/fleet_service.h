#ifndef MSGPROC_SERVICES_BALANCER_ADMIN_FLEET_SERVICE_H_
#define MSGPROC_SERVICES_BALANCER_ADMIN_FLEET_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "msgproc/admin/v1/admin.grpc.pb.h"
#include "msgproc/admin/v1/admin.pb.h"
#include "services/balancer/fleet.h"

namespace msgproc::balancer {

// The service Fleet: what a balancer knows of its servers, and orders that it
// passes on to them. Thread-safe.
class FleetService final : public admin::v1::Fleet::Service {
 public:
  // `fleet` outlives the service.
  explicit FleetService(Fleet* fleet) : fleet_(fleet) {}

  grpc::Status ListServers(grpc::ServerContext* context,
                           const admin::v1::ListServersRequest* request,
                           admin::v1::ListServersResponse* response) override;
  grpc::Status OrderServer(grpc::ServerContext* context,
                           const admin::v1::OrderServerRequest* request,
                           admin::v1::OrderServerResponse* response) override;

 private:
  Fleet* const fleet_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_ADMIN_FLEET_SERVICE_H_
