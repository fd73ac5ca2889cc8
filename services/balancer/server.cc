#include "services/balancer/server.h"

#include <fstream>
#include <random>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "grpcpp/security/credentials.h"
#include "services/balancer/http_pages.h"
#include "services/base/log.h"
#include "services/base/metrics_page.h"

namespace msgproc::balancer {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);
constexpr absl::Duration kTokenReload = absl::Seconds(10);

void LogEvent(const RegistryEvent& event) {
  using Kind = RegistryEvent::Kind;
  const bool bad =
      event.kind == Kind::kLeaseExpired || event.kind == Kind::kStreamBroken ||
      event.kind == Kind::kReplaced || event.kind == Kind::kUnhealthy ||
      event.kind == Kind::kFailStaticBegan;
  const server::LogLevel level =
      bad ? server::LogLevel::kWarning : server::LogLevel::kInfo;
  if (!server::LogEnabled(level)) return;
  if (event.server_id.empty()) {
    return server::Log(level, "fleet", {{"event", event.text}});
  }
  server::Log(level, "server",
              {{"server_id", event.server_id},
               {"address", event.address},
               {"event", event.text}});
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path);
  if (!file) {
    return absl::NotFoundError(absl::StrCat("cannot read ", path));
  }
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> HealthCredentials(
    const ServerOptions& options) {
  if (options.processor_ca.empty()) return nullptr;
  grpc::SslCredentialsOptions ssl;
  const server::CredentialsOptions& own = options.grpc.credentials;
  for (const auto& [path, pem] :
       {std::pair(&options.processor_ca, &ssl.pem_root_certs),
        std::pair(&own.tls_key, &ssl.pem_private_key),
        std::pair(&own.tls_cert, &ssl.pem_cert_chain)}) {
    auto content = ReadFile(*path);
    if (!content.ok()) return content.status();
    *pem = *std::move(content);
  }
  return grpc::SslCredentials(ssl);
}

}  // namespace

Server::Server(ServerOptions options)
    : options_(std::move(options)),
      fleet_(
          [this] {
            Fleet::Options fleet = options_.fleet;
            fleet.on_event = [this](const RegistryEvent& event) {
              // That servers go when the balancer stops is no news.
              if (!stopping()) LogEvent(event);
            };
            fleet.on_change = [this] {
              MutexLock lock(&mutex_);
              fleet_changed_ = true;
              changed_.SignalAll();
            };
            return fleet;
          }(),
          Clock::Monotonic(), std::random_device{}()),
      lookup_(&fleet_),
      balancer_service_(&lookup_, &method_metrics_),
      registry_service_(&fleet_, &token_, &method_metrics_),
      metrics_(&lookup_, &registry_service_,
               [this] { return grpc_->Stats(); }) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  std::unique_ptr<Server> server(new Server(std::move(options)));
  if (absl::Status status = server->Prepare(); !status.ok()) return status;
  auto grpc = server::GrpcServer::Start(
      server->options_.grpc,
      {&server->balancer_service_, &server->registry_service_});
  if (!grpc.ok()) return grpc.status();
  server->grpc_ = *std::move(grpc);
  if (absl::Status status = server->StartHttp(); !status.ok()) return status;
  server->watcher_ = std::thread([server = server.get()] { server->Watch(); });
  return server;
}

absl::Status Server::Prepare() {
  if (absl::Status status = token_.Load(options_.register_token_file);
      !status.ok()) {
    return status;
  }
  for (const std::string& address : options_.static_servers) {
    if (absl::Status status = fleet_.AddStatic(address); !status.ok()) {
      return status;
    }
  }
  auto credentials = HealthCredentials(options_);
  if (!credentials.ok()) return credentials.status();
  health_options_.credentials = *std::move(credentials);
  return absl::OkStatus();
}

absl::Status Server::StartHttp() {
  if (options_.http_address.empty()) return absl::OkStatus();
  server::HttpHandlers pages = LookupPages(&lookup_);
  pages.merge(server::HealthPages(
      options_.liveness, [this] { return stopping() ? "draining" : ""; }));
  pages["/metrics"] = [this](const server::HttpRequest&) {
    return server::MetricsPage({&metrics_, &method_metrics_, &process_metrics_,
                                options_.liveness, &build_info_});
  };
  auto http = server::HttpServer::Start({.address = options_.http_address},
                                        std::move(pages));
  if (!http.ok()) {
    return absl::Status(
        http.status().code(),
        absl::StrCat("--http_address: ", http.status().message()));
  }
  http_ = *std::move(http);
  return absl::OkStatus();
}

void Server::Watch() {
  HealthChecker checker(health_options_, Clock::Monotonic(),
                        [this](const std::string& address, Health health) {
                          fleet_.SetHealth(address, health);
                        });
  absl::Time token_read = Clock::Monotonic()->Now();
  server::StallWatch::Pulse* const pulse =
      options_.liveness == nullptr ? nullptr
                                   : options_.liveness->Watch("fleet_watcher");
  while (true) {
    if (pulse != nullptr) pulse->Beat();
    checker.Watch(fleet_.AddressesToCheck());
    checker.Tick();
    fleet_.Tick();
    if (Clock::Monotonic()->Now() - token_read > kTokenReload) {
      token_read = Clock::Monotonic()->Now();
      if (absl::Status status = token_.Reload(); !status.ok()) {
        server::LogWarning("the tokens stay as they were",
                           {{"reason", status.message()}});
      }
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
  grpc_->StopListening();
  grpc_->SetServing(false);
  registry_service_.EndAll();
  grpc_->Shutdown(timeout);
}

Server::~Server() {
  StopWatching();
  if (http_ != nullptr) http_->Stop();
  if (grpc_ == nullptr) return;
  registry_service_.EndAll();
  grpc_->Shutdown(absl::Seconds(1));
}

}  // namespace msgproc::balancer
