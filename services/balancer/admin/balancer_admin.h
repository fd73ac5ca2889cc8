#ifndef MSGPROC_SERVICES_BALANCER_ADMIN_BALANCER_ADMIN_H_
#define MSGPROC_SERVICES_BALANCER_ADMIN_BALANCER_ADMIN_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/state_dump.h"
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
  // `dump`: what DumpState says of the server itself.
  BalancerAdmin(std::string address, const Fleet* fleet,
                base::VitalsMeter* vitals,
                std::function<std::vector<StateDump>()> dump);

  grpc::Status GetStatus(grpc::ServerContext* context,
                         const admin::v1::GetStatusRequest* request,
                         admin::v1::GetStatusResponse* response) override;
  grpc::Status SetLogLevel(grpc::ServerContext* context,
                           const admin::v1::SetLogLevelRequest* request,
                           admin::v1::SetLogLevelResponse* response) override;
  grpc::Status DumpState(grpc::ServerContext* context,
                         const admin::v1::DumpStateRequest* request,
                         admin::v1::DumpStateResponse* response) override;

 private:
  const std::string address_;
  const Fleet* const fleet_;
  base::VitalsMeter* const vitals_;
  const std::function<std::vector<StateDump>()> dump_;
  const absl::Time begun_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_ADMIN_BALANCER_ADMIN_H_
