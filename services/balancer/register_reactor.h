#ifndef MSGPROC_SERVICES_BALANCER_REGISTER_REACTOR_H_
#define MSGPROC_SERVICES_BALANCER_REGISTER_REACTOR_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/mutex.h"
#include "grpcpp/support/server_callback.h"
#include "msgproc/v1/balancer.pb.h"
#include "services/balancer/fleet.h"
#include "services/base/method_metrics.h"

namespace msgproc::balancer {

// One processor's stream to this balancer.
//
//              first report          half-close: Leave
//   [ new ]──────────────────►[ registered ]───────────────►[ finished ]
//      │ malformed, full            │  ▲ │ broken: Lose          ▲ OnDone
//      │                      report└──┘ │ replaced, expired,    │ deletes
//      └─────────────────────────────────┴─ malformed, stopping ─┘
//
// One read in flight until it ends; one write in flight, the others wait in a
// short queue. Owned by itself, until OnDone. Callbacks come from gRPC's
// threads, End from any. No lock is held across a call of gRPC or of the fleet.
class RegisterReactor final
    : public grpc::ServerBidiReactor<v1::RegisterRequest, v1::RegisterResponse>,
      public std::enable_shared_from_this<RegisterReactor> {
 public:
  // Is told of a registration that was refused.
  using OnRefused =
      std::function<void(const absl::Status&, absl::string_view server_id)>;

  // `fleet` and `metrics` outlive it. `owner`: see ServerReport.
  // `on_done` is called last, from OnDone. Call Start next.
  RegisterReactor(Fleet* fleet, base::MethodMetrics* metrics,
                  grpc::CallbackServerContext* context, std::string owner,
                  OnRefused on_refused,
                  std::function<void(RegisterReactor*)> on_done);

  // Begins to read; or, with an error, ends with that at once.
  void Start(const absl::Status& admission);

  // Writes an operator's order. False: too much waits to be read already, or
  // the stream ends.
  bool Pass(const ServerOrder& order);

  // Ends the stream. Only the first reason counts.
  void End(absl::Status status);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  absl::Status TakeReport();
  void Answer(const std::vector<MoveOrder>& orders);
  // Writes or finishes, whatever is next.
  void Advance();

  Fleet* const fleet_;
  base::MethodMetrics* const metrics_;
  grpc::CallbackServerContext* const context_;
  const std::string owner_;
  const OnRefused on_refused_;
  const std::function<void(RegisterReactor*)> on_done_;
  // Lets go of itself in OnDone.
  std::shared_ptr<RegisterReactor> self_;

  // Touched only by the read that is in flight, and by OnDone.
  v1::RegisterRequest request_;
  std::optional<Registration> registration_;

  // What the write in flight sends.
  v1::RegisterResponse response_;

  Mutex mutex_;
  std::deque<v1::RegisterResponse> waiting_ MSGPROC_GUARDED_BY(mutex_);
  bool write_in_flight_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> end_ MSGPROC_GUARDED_BY(mutex_);
  bool finished_ MSGPROC_GUARDED_BY(mutex_) = false;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_REGISTER_REACTOR_H_
