#ifndef MSGPROC_SERVICES_BALANCER_ADMIN_BALANCER_ADMIN_H_
#define MSGPROC_SERVICES_BALANCER_ADMIN_BALANCER_ADMIN_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <string>

#include "absl/time/time.h"
#include "msgproc/admin/v1/admin.grpc.pb.h"
#include "msgproc/admin/v1/admin.pb.h"
#include "services/balancer/fleet.h"
#include "services/base/vitals_meter.h"

namespace msgproc::balancer {

// The service Admin, as far as a balancer has it: it holds no sessions.
// Thread-safe.
class BalancerAdmin final : public admin::v1::Admin::Service {
 public:
  // Both outlive the service. `address`: where clients come in.
  BalancerAdmin(std::string address, const Fleet* fleet,
                base::VitalsMeter* vitals);

  grpc::Status GetStatus(grpc::ServerContext* context,
                         const admin::v1::GetStatusRequest* request,
                         admin::v1::GetStatusResponse* response) override;
  grpc::Status SetLogLevel(grpc::ServerContext* context,
                           const admin::v1::SetLogLevelRequest* request,
                           admin::v1::SetLogLevelResponse* response) override;

 private:
  const std::string address_;
  const Fleet* const fleet_;
  base::VitalsMeter* const vitals_;
  const absl::Time begun_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_ADMIN_BALANCER_ADMIN_H_
