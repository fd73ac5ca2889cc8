#ifndef MSGPROC_SERVICES_BALANCER_BALANCER_SERVICE_H_
#define MSGPROC_SERVICES_BALANCER_BALANCER_SERVICE_H_

#include "msgproc/v1/balancer.grpc.pb.h"
#include "services/balancer/server_lookup.h"
#include "services/base/method_metrics.h"

namespace msgproc::balancer {

// The service Balancer. Every call is answered on the thread that read it: an
// answer takes a microsecond. Thread-safe.
class BalancerService final : public v1::Balancer::CallbackService {
 public:
  // Both outlive the service.
  BalancerService(ServerLookup* lookup, base::MethodMetricsPage* metrics);

  grpc::ServerUnaryReactor* GetServer(grpc::CallbackServerContext* context,
                                      const v1::GetServerRequest* request,
                                      v1::GetServerResponse* response) override;

  grpc::ServerUnaryReactor* ListServers(
      grpc::CallbackServerContext* context,
      const v1::ListServersRequest* request,
      v1::ListServersResponse* response) override;

 private:
  ServerLookup* const lookup_;
  base::MethodMetrics* const get_server_;
  base::MethodMetrics* const list_servers_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_BALANCER_SERVICE_H_
