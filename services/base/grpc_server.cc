#include "services/base/grpc_server.h"

#include <grpc/compression.h>
#include <grpc/impl/codegen/grpc_types.h>
#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/impl/server_builder_plugin.h>
#include <grpcpp/impl/server_initializer.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/grpc_deadline.h"
#include "common/process_limits.h"
#include "services/base/acceptor_metrics.h"
#include "services/base/health_descriptor.h"
#include "services/base/socket_address.h"

namespace msgproc::base {
namespace {

// gRPC's own measuring of the bandwidth-delay product
// (GRPC_ARG_HTTP2_BDP_PROBE) costs a ping and its answer for each frame that
// comes after a pause: a third of what an idle socket costs. Without it the
// window is fixed: what a client may send ahead of reading, of each stream, is
// 5 MB/s over 100 ms.
constexpr int kReceiveWindowBytes = 512 << 10;

// A megabyte can inflate to a gigabyte, and gRPC bounds a message only when it
// has inflated it. So calls in any other encoding are refused, and nothing that
// comes all the same is ever inflated.
constexpr int kIdentityOnly = 1 << GRPC_COMPRESS_NONE;

using ConnectionType =
    grpc::ServerBuilder::experimental_type::ExternalConnectionType;

// gRPC wants these before the first builder, in the whole process.
void EnableExtrasOnce() {
  static const bool enabled = [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    LinkHealthDescriptor();
    return true;
  }();
  static_cast<void>(enabled);
}

// Adds its service to every server that is built from then on.
void EnableChannelzOnce() {
  static const bool enabled = [] {
    grpc::channelz::experimental::InitChannelzService();
    return true;
  }();
  static_cast<void>(enabled);
}

// Takes the channelz service away again, where another server of the process
// has enabled it.
class WithoutChannelz final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>*
                         plugins) override {
    plugins->erase(std::remove_if(plugins->begin(), plugins->end(),
                                  [](const auto& plugin) {
                                    return plugin->name() == "channelz_service";
                                  }),
                   plugins->end());
  }
};

// Learns the names of a server's services: gRPC's health service knows none but
// "" until it is told.
class ServiceNames final : public grpc::ServerBuilderOption {
 public:
  explicit ServiceNames(std::vector<std::string>* names) : names_(names) {}
  void UpdateArguments(grpc::ChannelArguments* /*arguments*/) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>*
                         plugins) override {
    plugins->push_back(std::make_unique<Plugin>(names_));
  }

 private:
  class Plugin final : public grpc::ServerBuilderPlugin {
   public:
    explicit Plugin(std::vector<std::string>* names) : names_(names) {}
    std::string name() override { return "msgproc_service_names"; }
    void InitServer(grpc::ServerInitializer* /*server*/) override {}
    void Finish(grpc::ServerInitializer* server) override {
      *names_ = *server->GetServiceList();
    }
    void ChangeArguments(const std::string& /*name*/,
                         void* /*value*/) override {}

   private:
    std::vector<std::string>* const names_;
  };

  std::vector<std::string>* const names_;
};

// What connections may buffer of the memory that the process may use, in
// eighths. Beyond it gRPC ends streams, of whomever: it is more than a frame of
// each of the streams that --memory_budget stops.
constexpr int64_t kBufferedEighths = 3;

void LimitBuffers(int64_t bytes, grpc::ServerBuilder* builder) {
  if (bytes < 0) {
    bytes = static_cast<int64_t>(ReadProcessLimits().memory_bytes) / 8 *
            kBufferedEighths;
  }
  if (bytes == 0) return;
  grpc::ResourceQuota quota("msgproc_server");
  quota.Resize(static_cast<size_t>(bytes));
  builder->SetResourceQuota(quota);
}

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

void Configure(const GrpcServerOptions& options, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(options.max_receive_message_bytes);
  const std::pair<const char*, int> arguments[] = {
      {GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(options.keepalive_interval)},
      {GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(options.keepalive_timeout)},
      // Quiet streams and connections without one are pinged as well.
      {GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1},
      {GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0},
      {GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
       Milliseconds(options.min_client_ping_interval)},
      {GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
       Milliseconds(options.handshake_timeout)},
      {GRPC_ARG_MAX_CONNECTION_IDLE_MS,
       Milliseconds(options.max_connection_idle)},
      {GRPC_ARG_HTTP2_BDP_PROBE, 0},
      {GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kReceiveWindowBytes},
      {GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, kIdentityOnly},
      {GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0},
      {GRPC_ARG_ENABLE_CHANNELZ, options.channelz ? 1 : 0},
  };
  for (const auto& [name, value] : arguments) {
    builder->AddChannelArgument(name, value);
  }
  if (options.max_streams_per_connection > 0) {
    builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                                options.max_streams_per_connection);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcServer>> GrpcServer::Start(
    const GrpcServerOptions& options,
    const std::vector<grpc::Service*>& services) {
  auto files =
      std::make_unique<FileWatcher>(options.credentials.reload_interval);
  absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> credentials =
      MakeServerCredentials(options.credentials, options.acceptor.address,
                            files.get());
  if (!credentials.ok()) return credentials.status();
  absl::StatusOr<std::unique_ptr<Acceptor>> acceptor =
      Acceptor::Listen(options.acceptor);
  if (!acceptor.ok()) return acceptor.status();

  auto handshakes =
      options.credentials.tls_cert.empty()
          ? nullptr
          : std::make_shared<TlsHandshakes>((*acceptor)->address());
  EnableExtrasOnce();
  if (options.channelz) EnableChannelzOnce();
  grpc::ServerBuilder builder;
  if (!options.channelz) {
    builder.SetOption(std::make_unique<WithoutChannelz>());
  }
  Configure(options, &builder);
  LimitBuffers(options.max_buffered_bytes, &builder);
  for (grpc::Service* service : services) builder.RegisterService(service);
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> receiver =
      builder.experimental().AddExternalConnectionAcceptor(
          ConnectionType::FROM_FD, *std::move(credentials));
  std::vector<std::string> names;
  builder.SetOption(std::make_unique<ServiceNames>(&names));
  if (options.configure) options.configure(&builder);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    return absl::InternalError(
        "gRPC did not start; its own log says why (GRPC_VERBOSITY=debug says "
        "more)");
  }
  return std::unique_ptr<GrpcServer>(new GrpcServer(
      std::move(files), std::move(handshakes), *std::move(acceptor),
      std::move(receiver), std::move(server), std::move(names)));
}

GrpcServer::GrpcServer(
    std::unique_ptr<FileWatcher> files,
    std::shared_ptr<TlsHandshakes> handshakes,
    std::unique_ptr<Acceptor> acceptor,
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> receiver,
    std::unique_ptr<grpc::Server> server, std::vector<std::string> services)
    : files_(std::move(files)),
      handshakes_(std::move(handshakes)),
      acceptor_(std::move(acceptor)),
      receiver_(std::move(receiver)),
      server_(std::move(server)),
      services_(std::move(services)) {
  SetServing(true);
  acceptor_->Start([this](int fd) { TakeConnection(fd); });
}

void GrpcServer::TakeConnection(int fd) {
  const TlsHandshakes::Scope scope(
      handshakes_, handshakes_ == nullptr
                       ? std::string()
                       : ClientOf(SocketAddress::PeerOf(fd).ToPeer()));
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters
      connection;
  connection.fd = fd;
  receiver_->HandleNewConnection(&connection);
}

GrpcServer::~GrpcServer() {
  Shutdown(absl::ZeroDuration());
  std::thread shutdown;
  {
    MutexLock lock(&mutex_);
    shutdown = std::move(shutdown_);
  }
  shutdown.join();
}

void GrpcServer::SetServing(bool serving) {
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  // First for those it knows, "" among them, then for the rest.
  health->SetServingStatus(serving);
  for (const std::string& service : services_) {
    health->SetServingStatus(service, serving);
  }
}

TlsHandshakes::Counts GrpcServer::HandshakeFailures() const {
  return handshakes_ == nullptr ? TlsHandshakes::Counts{}
                                : handshakes_->Snapshot();
}

void GrpcServer::WriteMetrics(absl::string_view prefix,
                              MetricWriter* writer) const {
  WriteAcceptorMetrics(prefix, Stats(), writer);
  MetricWriter::Samples failures =
      writer->Counter(absl::StrCat(prefix, "_tls_handshakes_failed_total"),
                      "TLS handshakes of clients that failed.");
  const TlsHandshakes::Counts counts = HandshakeFailures();
  for (size_t i = 0; i < counts.size(); ++i) {
    failures.Add(
        {{"reason", HandshakeFailureName(static_cast<HandshakeFailure>(i))}},
        static_cast<double>(counts[i]));
  }
  WriteReloadMetrics(prefix, files_->Stats(), absl::Now(), writer);
}

void GrpcServer::BeginShutdown(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  if (shutdown_.joinable()) return;
  SetServing(false);
  // First: gRPC leaks a socket that is handed to it from here on.
  acceptor_->StopListening();
  shutdown_ = std::thread([this, timeout] {
    if (timeout == absl::InfiniteDuration()) {
      server_->Shutdown();
    } else {
      server_->Shutdown(DeadlineAfter(timeout));
    }
    MutexLock lock(&mutex_);
    shut_down_ = true;
    changed_.SignalAll();
  });
}

bool GrpcServer::AwaitShutdown(absl::Duration timeout) {
  const absl::Time deadline = Clock::Monotonic()->Now() + timeout;
  MutexLock lock(&mutex_);
  while (!shut_down_) {
    const absl::Duration left = deadline - Clock::Monotonic()->Now();
    if (left <= absl::ZeroDuration()) return false;
    changed_.WaitFor(&mutex_, left);
  }
  return true;
}

void GrpcServer::Shutdown(absl::Duration timeout) {
  BeginShutdown(timeout);
  // A shutdown that began with more time cannot be hurried, but without
  // connections there is nothing that it waits for.
  if (!AwaitShutdown(timeout)) CloseConnections();
  AwaitShutdown(absl::InfiniteDuration());
  acceptor_->Stop();
}

}  // namespace msgproc::base
