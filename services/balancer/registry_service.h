#ifndef MSGPROC_SERVICES_BALANCER_REGISTRY_SERVICE_H_
#define MSGPROC_SERVICES_BALANCER_REGISTRY_SERVICE_H_

#include <memory>
#include <string>
#include <unordered_map>

#include "absl/strings/string_view.h"
#include "common/mutex.h"
#include "msgproc/v1/balancer.grpc.pb.h"
#include "services/balancer/fleet.h"
#include "services/balancer/register_reactor.h"
#include "services/balancer/register_token.h"
#include "services/base/log_throttle.h"
#include "services/base/method_metrics.h"

namespace msgproc::balancer {

// The service Registry: one RegisterReactor a processor. Thread-safe.
class RegistryService final : public v1::Registry::CallbackService {
 public:
  // All outlive the service.
  RegistryService(Fleet* fleet, const RegisterToken* token,
                  server::MethodMetricsPage* metrics);

  grpc::ServerBidiReactor<v1::RegisterRequest, v1::RegisterResponse>* Register(
      grpc::CallbackServerContext* context) override;

  // Ends every stream, also those to come, UNAVAILABLE: the balancer stops.
  void EndAll();

  // Processors turned away for want of a token.
  uint64_t denied() const { return denied_.load(std::memory_order_relaxed); }

 private:
  absl::Status Admit(const grpc::CallbackServerContext& context);

  Fleet* const fleet_;
  const RegisterToken* const token_;
  server::MethodMetrics* const metrics_;
  server::LogThrottle denied_log_;
  std::atomic<uint64_t> denied_{0};

  Mutex mutex_;
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::unordered_map<RegisterReactor*, std::shared_ptr<RegisterReactor>>
      streams_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_REGISTRY_SERVICE_H_
