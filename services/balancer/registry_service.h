#ifndef MSGPROC_SERVICES_BALANCER_REGISTRY_SERVICE_H_
#define MSGPROC_SERVICES_BALANCER_REGISTRY_SERVICE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "msgproc/v1/balancer.grpc.pb.h"
#include "services/balancer/fleet.h"
#include "services/balancer/open_reactors.h"
#include "services/balancer/register_reactor.h"
#include "services/balancer/registration_rights.h"
#include "services/base/log_throttle.h"
#include "services/base/method_metrics.h"

namespace msgproc::balancer {

// The service Registry: one RegisterReactor a processor. Thread-safe.
class RegistryService final : public v1::Registry::CallbackService {
 public:
  // All outlive the service.
  RegistryService(Fleet* fleet, const RegistrationRights* rights,
                  base::MethodMetricsPage* metrics);

  grpc::ServerBidiReactor<v1::RegisterRequest, v1::RegisterResponse>* Register(
      grpc::CallbackServerContext* context) override;

  // Ends every stream, also those to come, UNAVAILABLE: the balancer stops.
  void EndAll() { streams_.EndAll(); }

  // Why processors are turned away: may not register, the name belongs to
  // another that lives, a malformed report, too many servers.
  static constexpr std::array<absl::StatusCode, 4> kRejectionCodes = {
      absl::StatusCode::kPermissionDenied, absl::StatusCode::kAlreadyExists,
      absl::StatusCode::kInvalidArgument, absl::StatusCode::kResourceExhausted};
  // "permission_denied", ...: a metric's label.
  static absl::string_view RejectionName(absl::StatusCode code);
  uint64_t rejected(absl::StatusCode code) const;
  // Processors that may not register.
  uint64_t denied() const {
    return rejected(absl::StatusCode::kPermissionDenied);
  }

 private:
  // Counts and logs a registration that was refused; other ends pass by.
  void NoteRejected(const absl::Status& status, const Registrant& registrant,
                    absl::string_view server_id);

  Fleet* const fleet_;
  const RegistrationRights* const rights_;
  base::MethodMetrics* const metrics_;
  std::array<base::LogThrottle, kRejectionCodes.size()> rejected_logs_;
  std::array<std::atomic<uint64_t>, kRejectionCodes.size()> rejected_{};

  OpenReactors<RegisterReactor> streams_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_REGISTRY_SERVICE_H_
