#ifndef MSGPROC_SERVICES_BALANCER_BALANCER_SERVICE_H_
#define MSGPROC_SERVICES_BALANCER_BALANCER_SERVICE_H_

#include "absl/status/status.h"
#include "msgproc/v1/balancer.grpc.pb.h"
#include "services/balancer/server_lookup.h"
#include "services/base/identity/authenticator.h"
#include "services/base/method_metrics.h"

namespace msgproc::balancer {

// The service Balancer. Every call is answered on the thread that read it: an
// answer takes a microsecond. Thread-safe.
class BalancerService final : public v1::Balancer::CallbackService {
 public:
  // Both outlive the service.
  BalancerService(ServerLookup* lookup, base::MethodMetricsPage* metrics);

  // From here on calls without good credentials are UNAUTHENTICATED. Before the
  // first call; `authenticator` outlives the service.
  void RequireCredentials(const base::Authenticator* authenticator) {
    authenticator_ = authenticator;
  }

  grpc::ServerUnaryReactor* GetServer(grpc::CallbackServerContext* context,
                                      const v1::GetServerRequest* request,
                                      v1::GetServerResponse* response) override;

  grpc::ServerUnaryReactor* ListServers(
      grpc::CallbackServerContext* context,
      const v1::ListServersRequest* request,
      v1::ListServersResponse* response) override;

 private:
  absl::Status Admit(const grpc::CallbackServerContext& context) const;

  ServerLookup* const lookup_;
  base::MethodMetrics* const get_server_;
  base::MethodMetrics* const list_servers_;
  // Null: everybody may ask.
  const base::Authenticator* authenticator_ = nullptr;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_BALANCER_SERVICE_H_
