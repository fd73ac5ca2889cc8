#ifndef MSGPROC_SERVICES_PROCESSOR_REGISTRATION_BALANCER_CONNECTION_H_
#define MSGPROC_SERVICES_PROCESSOR_REGISTRATION_BALANCER_CONNECTION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/timer.h"
#include "common/backoff.h"
#include "common/mutex.h"
#include "grpcpp/channel.h"
#include "grpcpp/security/credentials.h"
#include "msgproc/v1/balancer.pb.h"
#include "services/base/setting_name.h"
#include "services/processor/registration/register_call.h"
#include "services/processor/registration/registrar.h"

namespace msgproc::processor {

// A processor's registration with one balancer, for ever: one RegisterCall
// after another, with jittered backoff between them.
//
//   [ waiting ]──time──►[ calling ]──first answer──►[ registered ]
//        ▲  ▲                │ refused, broken            │ ended, silent
//        │  └────────────────┴────────────────────────────┘
//        └ starts here                         Leave: [ left ], from anywhere
//
// It reports three times a lease, and at once, though at most five times a
// second, when the sessions have changed by much or the processor is cordoned
// or not any more: balancers act on these. Thread-safe.
class BalancerConnection final : public Registrar,
                                 private RegisterCall::Listener {
 public:
  struct Options {
    std::string balancer;  // host:port
    // Both are asked before each attempt. Empty: no token; plaintext.
    std::function<std::string()> token;
    std::function<std::shared_ptr<grpc::ChannelCredentials>()> credentials;
    absl::Duration initial_backoff = absl::Milliseconds(100);
    // Below a report interval: a balancer that comes back is to know the fleet
    // within one.
    absl::Duration max_backoff = absl::Seconds(1);
    // After another processor has taken this one's server_id, by half more or
    // less: two that were given one name must not take turns by the second.
    absl::Duration replaced_backoff = absl::Minutes(5);
    // What the log calls the processor's settings.
    base::SettingName setting_name = base::AsOption;
  };
  // What the processor has to say now. Called on threads of the connection.
  using MakeReport = std::function<v1::RegisterRequest()>;
  // Likewise; must be quick.
  using OnMove = std::function<void(const v1::Move&)>;
  using OnOrder = std::function<void(const v1::Order&)>;

  BalancerConnection(Options options, MakeReport make_report, OnMove on_move,
                     OnOrder on_order);
  // Breaks the stream. Nothing is called any more when it returns.
  ~BalancerConnection() override;

  void ReportNow() override;
  void AwaitReport(absl::Time deadline) override;
  void SayGoodbye() override;
  void AwaitEnd(absl::Time deadline) override;
  bool registered() const override;

  const std::string& balancer() const override { return options_.balancer; }
  void AddDumps(absl::Time now, std::vector<StateDump>* dumps) override;

 private:
  enum class Phase { kWaiting, kCalling, kRegistered, kLeft };

  void OnAnswer(const v1::RegisterResponse& answer) override;
  void OnEnded(const grpc::Status& status) override;
  void OnTimer();
  void Begin(const v1::RegisterRequest& report);
  // The call, if `report` is worth sending now.
  std::shared_ptr<RegisterCall> CallToReport(const v1::RegisterRequest& report)
      MSGPROC_REQUIRES(mutex_);
  void Reported(const v1::RegisterRequest& report) MSGPROC_REQUIRES(mutex_);
  // What another processor with this one's server_id means to whoever runs
  // them.
  void SayReplaced(const std::string& why, absl::Duration pause);
  // Logs, unless it is what was said last.
  void SayOnce(const std::string& what, bool good);

  const Options options_;
  const MakeReport make_report_;
  const OnMove on_move_;
  const OnOrder on_order_;

  mutable Mutex mutex_;
  CondVar changed_;
  Phase phase_ MSGPROC_GUARDED_BY(mutex_) = Phase::kWaiting;
  std::shared_ptr<RegisterCall> call_ MSGPROC_GUARDED_BY(mutex_);
  // Between Begin and OnEnded.
  bool in_call_ MSGPROC_GUARDED_BY(mutex_) = false;
  // The call was cancelled because the balancer did not answer any more.
  bool silent_ MSGPROC_GUARDED_BY(mutex_) = false;
  absl::Duration lease_ MSGPROC_GUARDED_BY(mutex_) = absl::Seconds(6);
  Backoff backoff_ MSGPROC_GUARDED_BY(mutex_);
  absl::Time connect_at_ MSGPROC_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Time registered_at_ MSGPROC_GUARDED_BY(mutex_);
  absl::Time heard_at_ MSGPROC_GUARDED_BY(mutex_);
  absl::Time reported_at_ MSGPROC_GUARDED_BY(mutex_);
  uint64_t reported_sessions_ MSGPROC_GUARDED_BY(mutex_) = 0;
  v1::ServerState reported_state_ MSGPROC_GUARDED_BY(mutex_) =
      v1::SERVER_STATE_UNSPECIFIED;
  // Reports asked for by ReportNow, written, and answered.
  uint64_t wanted_ MSGPROC_GUARDED_BY(mutex_) = 0;
  uint64_t written_ MSGPROC_GUARDED_BY(mutex_) = 0;
  uint64_t answered_ MSGPROC_GUARDED_BY(mutex_) = 0;
  std::string said_ MSGPROC_GUARDED_BY(mutex_);

  client::Timer timer_;  // Last: nothing calls back once it is gone.
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_REGISTRATION_BALANCER_CONNECTION_H_
