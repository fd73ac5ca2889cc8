#ifndef MSGPROC_SERVICES_BALANCER_SERVER_H_
#define MSGPROC_SERVICES_BALANCER_SERVER_H_

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/balancer/admin/balancer_admin.h"
#include "services/balancer/admin/fleet_service.h"
#include "services/balancer/balancer_metrics.h"
#include "services/balancer/balancer_service.h"
#include "services/balancer/etcd/etcd_registry.h"
#include "services/balancer/fleet.h"
#include "services/balancer/health_checker.h"
#include "services/balancer/live/fleet_events.h"
#include "services/balancer/live/fleet_live.h"
#include "services/balancer/register_token.h"
#include "services/balancer/registration_rights.h"
#include "services/balancer/registry_service.h"
#include "services/balancer/server_lookup.h"
#include "services/balancer/xds/ads_service.h"
#include "services/base/admin_flags.h"
#include "services/base/build_info.h"
#include "services/base/client_certificates.h"
#include "services/base/grpc_server.h"
#include "services/base/http_server.h"
#include "services/base/identity/authenticator.h"
#include "services/base/live/live_feed.h"
#include "services/base/liveness.h"
#include "services/base/method_metrics.h"
#include "services/base/process_metrics.h"
#include "services/base/server_lifecycle.h"
#include "services/base/setting_name.h"
#include "services/base/vitals_meter.h"
#include "services/base/wrong_settings.h"
#include "services/etcd/registry_options.h"

namespace msgproc::balancer {

struct ServerOptions {
  base::GrpcServerOptions grpc;
  // Empty: no HTTP pages.
  std::string http_address;
  // Where xDS is served (AdsService), with the credentials of `grpc`. Empty:
  // nowhere.
  std::string xds_address;
  Fleet::Options fleet;
  // Addresses handed out besides those that register.
  std::vector<std::string> static_servers;
  // Where the fleet is read from, besides those that register. Absent: nowhere.
  std::optional<etcd::RegistryOptions> registry;
  // As RegisterToken::Load takes it.
  std::string register_token_file;
  // As RegistrationRights::Options has them.
  std::vector<std::string> register_allowed;
  // PEM file with the authorities of the processors' certificates. With it
  // health checks speak TLS, and show the server's own certificate if it has
  // one; without, plaintext.
  std::string processor_ca;
  // The name that health checks look for in every processor's certificate.
  // Empty: the host of its address. For addresses that no certificate can have,
  // such as those of Kubernetes' pods; clients then have to look for it, too.
  std::string health_check_tls_name;
  // How clients show who they are, and whether those that look servers up must.
  base::Authenticator::Options identity;
  bool authenticate_lookups = false;
  // What errors, the log and refusals of registrations call these settings.
  base::SettingName setting_name = base::AsOption;
  // Null: nobody looks whether it stalls. Outlives the server.
  base::Liveness* liveness = nullptr;
  // Where operators get in: nowhere, unless it is said.
  base::AdminOptions admin = {.address = ""};
};

// Bounds of what a fleet is asked for.
base::WrongSettings Validate(const Fleet::Options& options);

// A balancer. Owns everything that serves. Thread-safe but for Drain, which is
// called once.
class Server final : public base::RunningServer {
 public:
  // Serves once it returns. Errors as of GrpcServer::Start, HttpServer::Start
  // and RegisterToken::Load; INVALID_ARGUMENT: a malformed option.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options);

  // Whether it would start, as far as can be known without listening: options
  // and files. The errors of Start, all of them.
  static absl::Status Check(const ServerOptions& options);

  ~Server() override;

  std::string grpc_address() const override { return grpc_->address(); }
  std::string http_address() const override {
    return http_ == nullptr ? "" : http_->address();
  }
  std::string xds_address() const override {
    return xds_grpc_ == nullptr ? "" : xds_grpc_->address();
  }

  // Ends the processors' streams, UNAVAILABLE, and finishes look-ups.
  void Drain(absl::Duration timeout) override;

  Fleet& fleet() { return fleet_; }

 private:
  explicit Server(ServerOptions options);

  absl::Status Prepare();
  absl::Status StartXds();
  absl::Status StartHttp();
  absl::Status StartAdmin();
  void StartRegistry();
  std::vector<StateDump> Dump() const;
  // The thread that watches over leases and health checks.
  void Watch();
  void StopWatching();
  void StopXds();
  bool stopping();

  const ServerOptions options_;
  RegisterToken token_;
  const RegistrationRights rights_;
  std::shared_ptr<base::ClientCertificates> health_certificates_;
  std::shared_ptr<base::Authenticator> authenticator_;
  FleetEvents events_;
  Fleet fleet_;
  ServerLookup lookup_;
  AdsService ads_service_;
  base::MethodMetricsPage method_metrics_;
  BalancerService balancer_service_;
  RegistryService registry_service_;
  const BalancerMetrics metrics_;
  const base::ProcessMetrics process_metrics_;
  const base::BuildInfoMetric build_info_;
  HealthChecker::Options health_options_;
  std::unique_ptr<base::GrpcServer> grpc_;
  std::unique_ptr<base::GrpcServer> xds_grpc_;
  std::unique_ptr<base::HttpServer> http_;
  FleetService fleet_service_;
  // Made once it is known where it serves.
  std::unique_ptr<base::VitalsMeter> vitals_;
  std::unique_ptr<FleetLive> live_;
  // Null: nobody looks.
  std::unique_ptr<base::LiveFeed> feed_;
  std::unique_ptr<BalancerAdmin> admin_;
  // Null: there is none. Outlives operators' calls, whose orders it passes on.
  std::unique_ptr<EtcdRegistry> registry_;
  // registry_, once it is made: pages are asked for before.
  std::atomic<EtcdRegistry*> shown_registry_{nullptr};
  // Null: operators have no way in.
  std::unique_ptr<base::GrpcServer> admin_grpc_;

  Mutex mutex_;
  CondVar changed_;
  bool fleet_changed_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::thread watcher_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_SERVER_H_
