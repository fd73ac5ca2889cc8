#ifndef MSGPROC_SERVICES_BALANCER_HEALTH_WATCH_H_
#define MSGPROC_SERVICES_BALANCER_HEALTH_WATCH_H_

#include <functional>
#include <memory>
#include <string>

#include "common/mutex.h"
#include "grpc/health/v1/health.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"
#include "services/balancer/server_status.h"

namespace msgproc::balancer {

// One call of grpc.health.v1.Health/Watch for service "", from start to end.
//
//   [ calling ] ──answer──► [ answered ] ──end, Cancel──► [ over ]
//        └───────────refused, broken, Cancel───────────────┘
//
// `on_health` is told each answer, and at the end kRefused or kUnreachable if
// no answer came, or kNotServing where there is no health service; nothing
// after Cancel. It is called on gRPC's threads with no lock held. Owned by
// HealthChecker, which lets go of it once it is over. Thread-safe.
class HealthWatch final
    : public grpc::ClientBidiReactor<grpc::health::v1::HealthCheckRequest,
                                     grpc::health::v1::HealthCheckResponse> {
 public:
  using OnHealth = std::function<void(Health)>;

  // Calls at once. The channel outlives the watch.
  HealthWatch(const std::shared_ptr<grpc::Channel>& channel,
              OnHealth on_health);

  // Ends it soon; nothing is said any more.
  void Cancel();
  // Ends it soon, as a server that does not answer.
  void GiveUp() { context_.TryCancel(); }

  bool answered() const;
  bool over() const;
  // Waits until it is over.
  void Wait();

  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  const OnHealth on_health_;
  grpc::ClientContext context_;
  const grpc::health::v1::HealthCheckRequest request_;
  grpc::health::v1::HealthCheckResponse response_;

  mutable Mutex mutex_;
  CondVar ended_;
  bool answered_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool cancelled_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool over_ MSGPROC_GUARDED_BY(mutex_) = false;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_HEALTH_WATCH_H_
