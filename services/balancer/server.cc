#include "services/balancer/server.h"

#include <cstdint>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "services/balancer/http_pages.h"
#include "services/base/admin_server.h"
#include "services/base/log.h"
#include "services/base/metrics_page.h"

namespace msgproc::balancer {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);

void LogEvent(const RegistryEvent& event) {
  const base::LogLevel level = FleetEvents::IsBad(event.kind)
                                   ? base::LogLevel::kWarning
                                   : base::LogLevel::kInfo;
  if (!base::LogEnabled(level)) return;
  if (event.server_id.empty()) {
    return base::Log(level, "fleet", {{"event", event.text}});
  }
  base::Log(level, "server",
            {{"server_id", event.server_id},
             {"address", event.address},
             {"event", event.text}});
}

}  // namespace

base::WrongSettings Validate(const Fleet::Options& options) {
  base::WrongSettings wrong;
  const absl::Duration lease = options.registry.lease;
  if (lease < absl::Milliseconds(100) || lease > absl::Hours(1)) {
    wrong.Add(absl::StrCat("{lease}: ", absl::FormatDuration(lease),
                           "; it takes 100ms to 1h"));
  }
  if (options.registry.fail_static < absl::ZeroDuration()) {
    wrong.Add("{fail_static}: it cannot be negative");
  }
  const double rate = options.rebalancer.moves_per_second;
  // The comparison is false for NaN too.
  if (!(rate >= 0 && rate <= 1e6)) {
    wrong.Add(
        absl::StrCat("{moves_per_second}: ", rate, "; it takes 0 to 1000000"));
  }
  return wrong;
}

Server::Server(ServerOptions options)
    : options_(std::move(options)),
      rights_({.mutual_tls = !options_.grpc.credentials.tls_client_ca.empty(),
               .allowed = options_.register_allowed,
               .setting_name = options_.setting_name},
              &token_),
      fleet_(
          [this] {
            Fleet::Options fleet = options_.fleet;
            fleet.on_event = [this](const RegistryEvent& event) {
              // That servers go when the balancer stops is no news.
              if (stopping()) return;
              LogEvent(event);
              events_.OnEvent(event);
            };
            fleet.on_move = [this](const std::string& server_id,
                                   const MoveOrder& move) {
              events_.OnMove(server_id, move);
            };
            fleet.on_change = [this] {
              // Before a processor that leaves hears that its word has come:
              // then it sends its clients away.
              ads_service_.Review();
              MutexLock lock(&mutex_);
              fleet_changed_ = true;
              changed_.SignalAll();
            };
            return fleet;
          }(),
          Clock::Monotonic(), std::random_device{}()),
      lookup_(&fleet_),
      ads_service_(&fleet_),
      balancer_service_(&lookup_, &method_metrics_),
      registry_service_(&fleet_, &rights_, &method_metrics_),
      metrics_(&lookup_, &registry_service_, &ads_service_,
               [this](base::MetricWriter* writer) {
                 grpc_->WriteMetrics("msgproc_balancer", writer);
                 const EtcdRegistry* const registry = shown_registry_.load();
                 if (registry != nullptr) registry->WriteMetrics(writer);
               }),
      fleet_service_(&fleet_) {}

absl::Status Server::Check(const ServerOptions& options) {
  base::WrongSettings wrong = balancer::Validate(options.fleet);
  const base::CredentialsOptions& own = options.grpc.credentials;
  wrong.Add(base::CheckCredentials(own, options.grpc.acceptor.address));
  wrong.Add(base::Authenticator::Create(options.identity).status());
  RegisterToken token;
  wrong.Add(token.Load(options.register_token_file));
  wrong.Add(base::ClientCertificates::Load({.name = "health_checks",
                                            .ca = options.processor_ca,
                                            .cert = own.tls_cert,
                                            .key = own.tls_key})
                .status());
  wrong.Add(base::Validate(options.admin, own), options.setting_name);
  return wrong.AsStatus();
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  std::unique_ptr<Server> server(new Server(std::move(options)));
  if (absl::Status status = server->Prepare(); !status.ok()) return status;
  auto grpc = base::GrpcServer::Start(
      server->options_.grpc,
      {&server->balancer_service_, &server->registry_service_});
  if (!grpc.ok()) return grpc.status();
  server->grpc_ = *std::move(grpc);
  for (const auto& files :
       {server->token_.files(), server->health_certificates_->files()}) {
    if (files != nullptr) server->grpc_->files()->Add(files);
  }
  for (const auto& files : server->authenticator_->files()) {
    server->grpc_->files()->Add(files);
  }
  server->vitals_ = std::make_unique<base::VitalsMeter>(
      server->grpc_->files(),
      [server = server.get()] { return server->stopping() ? "draining" : ""; });
  server->live_ = std::make_unique<FleetLive>(
      FleetLive::Sources{.lookup = &server->lookup_,
                         .events = &server->events_,
                         .vitals = server->vitals_.get(),
                         .address = server->grpc_address()});
  if (absl::Status status = server->StartXds(); !status.ok()) return status;
  if (absl::Status status = server->StartHttp(); !status.ok()) return status;
  if (absl::Status status = server->StartAdmin(); !status.ok()) return status;
  server->StartRegistry();
  server->watcher_ = std::thread([server = server.get()] { server->Watch(); });
  return server;
}

absl::Status Server::Prepare() {
  auto authenticator = base::Authenticator::Create(options_.identity);
  if (!authenticator.ok()) return authenticator.status();
  authenticator_ = *std::move(authenticator);
  if (options_.authenticate_lookups) {
    balancer_service_.RequireCredentials(authenticator_.get());
    ads_service_.RequireCredentials(authenticator_.get());
  }
  if (absl::Status status = token_.Load(options_.register_token_file);
      !status.ok()) {
    return status;
  }
  for (const std::string& address : options_.static_servers) {
    if (absl::Status status = fleet_.AddStatic(address); !status.ok()) {
      return status;
    }
  }
  if (rights_.NobodyMay()) {
    const base::SettingName& name = options_.setting_name;
    base::LogWarning(absl::StrCat(
        "no processor may register: clients must show certificates, and that "
        "is no right to; give ",
        name("register_allowed"), " or ", name("register_token_file")));
  }
  const base::CredentialsOptions& own = options_.grpc.credentials;
  auto certificates =
      base::ClientCertificates::Load({.name = "health_checks",
                                      .ca = options_.processor_ca,
                                      .cert = own.tls_cert,
                                      .key = own.tls_key});
  if (!certificates.ok()) return certificates.status();
  health_certificates_ = *std::move(certificates);
  health_options_.tls_name = options_.health_check_tls_name;
  health_options_.credentials = [certificates = health_certificates_] {
    return certificates->Credentials();
  };
  return absl::OkStatus();
}

absl::Status Server::StartXds() {
  if (options_.xds_address.empty()) return absl::OkStatus();
  base::GrpcServerOptions grpc = options_.grpc;
  grpc.acceptor.address = options_.xds_address;
  auto started = base::GrpcServer::Start(grpc, {&ads_service_});
  if (!started.ok()) {
    return base::NamingSettings(options_.setting_name("xds_address"),
                                started.status());
  }
  xds_grpc_ = *std::move(started);
  base::LogInfo("serving xDS", {{"address", xds_grpc_->address()}});
  return absl::OkStatus();
}

absl::Status Server::StartHttp() {
  if (options_.http_address.empty()) return absl::OkStatus();
  base::HttpHandlers pages = LookupPages(&lookup_);
  // The pages have no way to show who one is.
  if (options_.authenticate_lookups) pages["/get-server"] = ClosedPage;
  pages.merge(base::HealthPages(
      options_.liveness, [this] { return stopping() ? "draining" : ""; }));
  feed_ = std::make_unique<base::LiveFeed>(
      FleetLive::FeedOptions(), [this] { return live_->Read(); },
      [this](base::JsonWriter* json) { live_->WriteFacts(json); });
  pages.merge(feed_->Pages());
  pages["/metrics"] = [this](const base::HttpRequest&) {
    return base::MetricsPage({&metrics_, &method_metrics_, &process_metrics_,
                              options_.liveness, &build_info_});
  };
  auto http = base::HttpServer::Start({.address = options_.http_address},
                                      std::move(pages));
  if (!http.ok()) {
    return base::NamingSettings(options_.setting_name("http_address"),
                                http.status());
  }
  http_ = *std::move(http);
  return absl::OkStatus();
}

absl::Status Server::StartAdmin() {
  const base::CredentialsOptions& own = options_.grpc.credentials;
  absl::Status wrong =
      base::Validate(options_.admin, own).AsStatus(options_.setting_name);
  if (!wrong.ok()) return wrong;
  admin_ = std::make_unique<BalancerAdmin>(
      grpc_address(), &fleet_, vitals_.get(), [this] { return Dump(); });
  auto started =
      base::StartAdminServer(options_.admin, "balancer", grpc_address(), own,
                             {admin_.get(), &fleet_service_});
  if (!started.ok()) return started.status();
  admin_grpc_ = *std::move(started);
  return absl::OkStatus();
}

std::vector<StateDump> Server::Dump() const {
  std::vector<StateDump> dumps;
  fleet_.AddDumps(&dumps);
  EtcdRegistry* const registry = shown_registry_.load();
  if (registry != nullptr) registry->AddDumps(&dumps);
  return dumps;
}

void Server::StartRegistry() {
  if (!options_.registry.has_value()) return;
  for (const auto& files : options_.registry->files) {
    grpc_->files()->Add(files);
  }
  registry_ = std::make_unique<EtcdRegistry>(
      EtcdRegistry::Options{.url = options_.registry->url,
                            .client = options_.registry->client,
                            .name = grpc_address(),
                            .lease = fleet_.lease()},
      &fleet_);
  shown_registry_.store(registry_.get());
}

void Server::Watch() {
  HealthChecker checker(health_options_, Clock::Monotonic(),
                        [this](const std::string& address, Health health) {
                          fleet_.SetHealth(address, health);
                        });
  base::StallWatch::Pulse* const pulse =
      options_.liveness == nullptr ? nullptr
                                   : options_.liveness->Watch("fleet_watcher");
  uint64_t picked = 0;
  while (true) {
    if (pulse != nullptr) pulse->Beat();
    checker.Watch(fleet_.AddressesToCheck());
    checker.Tick();
    fleet_.Tick();
    // Servers that joined a moment ago are picked only now.
    if (const uint64_t version = fleet_.picked_version(); version != picked) {
      picked = version;
      ads_service_.Review();
    }
    MutexLock lock(&mutex_);
    if (!fleet_changed_ && !stopping_) changed_.WaitFor(&mutex_, kTick);
    fleet_changed_ = false;
    if (!stopping_) continue;
    if (pulse != nullptr) pulse->Retire();
    return;
  }
}

bool Server::stopping() {
  MutexLock lock(&mutex_);
  return stopping_;
}

void Server::StopWatching() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.SignalAll();
  }
  if (watcher_.joinable()) watcher_.join();
}

void Server::Drain(absl::Duration timeout) {
  StopWatching();
  if (registry_ != nullptr) registry_->Leave(absl::Seconds(1));
  grpc_->StopListening();
  grpc_->SetServing(false);
  registry_service_.EndAll();
  StopXds();
  grpc_->Shutdown(timeout);
}

void Server::StopXds() {
  if (xds_grpc_ == nullptr) return;
  xds_grpc_->StopListening();
  ads_service_.EndAll();
  xds_grpc_->Shutdown(absl::Seconds(1));
}

Server::~Server() {
  StopWatching();
  admin_grpc_.reset();
  if (http_ != nullptr) http_->Stop();
  registry_.reset();
  feed_.reset();
  if (grpc_ == nullptr) return;
  StopXds();
  registry_service_.EndAll();
  grpc_->Shutdown(absl::Seconds(1));
}

}  // namespace msgproc::balancer
