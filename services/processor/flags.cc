#include "services/processor/flags.h"

#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/locality.h"
#include "services/base/build_info.h"
#include "services/base/traces/otlp_exporter.h"
#include "services/base/user_path.h"
#include "services/base/wrong_settings.h"
#include "services/etcd/registry_flags.h"
#include "services/processor/registration/balancer_secrets.h"
#include "services/processor/registration/etcd_connection.h"
#include "services/processor/workers/worker_flags.h"

namespace {

msgproc::processor::ServerOptions Defaults() { return {}; }

msgproc::processor::SessionLimits DefaultLimits() {
  return Defaults().streams.sessions.limits;
}

}  // namespace

ABSL_FLAG(std::string, handler, "",
          "The handler of streams that name none; empty: the first one there "
          "is. Built in: echo, uppercase, sha256 and, with "
          "--spin_handler, spin.");
ABSL_FLAG(int, handler_threads, Defaults().handler_threads,
          "Threads for handlers that may block; 0: one for each CPU that it "
          "may use (affinity, quota).");
ABSL_FLAG(std::string, server_id, "",
          "This server's name, unique in the fleet; empty: host name and a "
          "random part.");
ABSL_FLAG(std::string, balancer, "",
          "Balancers to register with: host:port, separated by commas. The "
          "first one may ask to move sessions; with --registry, the one that "
          "balancers have elected there.");
ABSL_FLAG(std::string, advertise_address, "",
          "Where clients reach this server, as balancers tell them: host:port; "
          "empty: where it listens.");
ABSL_FLAG(double, weight, msgproc::processor::BalancerLink::Options().weight,
          "Its share of the sockets relative to other servers', 0.01 to 1000.");
ABSL_FLAG(std::string, locality, "",
          "Where it runs, as region/zone or region/zone/sub_zone: balancers "
          "send it the clients that are near. Each part may be empty; all: "
          "unknown.");
ABSL_FLAG(
    absl::Duration, drain_delay, absl::ZeroDuration(),
    "How long a stop goes on serving before it closes the listener and "
    "sends clients away; balancers, /readyz and health checks say at once "
    "that it leaves. For those who hear of that late: Kubernetes, xDS "
    "clients.");
ABSL_FLAG(
    absl::Duration, registry_lease,
    msgproc::processor::EtcdConnection::Options().lease,
    "How long etcd keeps a processor in --registry that is gone without a "
    "goodbye: whole seconds, 2s to 1h.");
ABSL_FLAG(std::string, register_token_file, "",
          "A file with the secret that balancers ask of servers.");
ABSL_FLAG(std::string, balancer_ca, "",
          "PEM file with the authorities that sign balancers' certificates; "
          "--tls_cert and --tls_key are shown to them. Empty: plaintext.");
ABSL_FLAG(std::string, access_file, "",
          "Who may use which handlers, and how much: rules in text format, as "
          "proto/msgproc/access/v1/access.proto says. Taken anew when it "
          "changes. Empty: everybody may everything.");
ABSL_FLAG(bool, authenticate_all, Defaults().authenticate_all,
          "Every call must show who it is from, by a token or a certificate, "
          "also health checks and reflection.");
ABSL_FLAG(int, max_connections, Defaults().grpc.acceptor.max_connections,
          "Connections beyond it are closed at once; 0: no cap.");
ABSL_FLAG(bool, proxy_protocol, Defaults().grpc.acceptor.proxy_protocol,
          "Every connection begins with a PROXY protocol header, v1 or v2, as "
          "NGINX's stream module sends it. TCP only.");
ABSL_FLAG(absl::Duration, session_ttl, Defaults().streams.sessions.session_ttl,
          "How long a session without a stream can be resumed.");
ABSL_FLAG(absl::Duration, heartbeat_interval,
          Defaults().streams.heartbeat_interval,
          "How often clients are to be heard from; after three of these in "
          "silence a session is detached.");
ABSL_FLAG(absl::Duration, max_stream_age, Defaults().streams.max_stream_age,
          "How old the stream of a session becomes, a tenth more or less, "
          "before its client is asked to open another: so sockets even out "
          "behind a proxy or a list of addresses. 0: any age.");
ABSL_FLAG(uint64_t, max_batch_messages, DefaultLimits().max_batch_messages,
          "Messages in one request.");
ABSL_FLAG(uint64_t, max_payload_bytes, DefaultLimits().max_payload_bytes,
          "Bytes of one payload, of a message or a result.");
ABSL_FLAG(
    uint64_t, max_outstanding_messages,
    DefaultLimits().max_outstanding_messages,
    "A session's messages whose results its client has not acknowledged.");
ABSL_FLAG(uint64_t, max_outstanding_bytes,
          DefaultLimits().max_outstanding_bytes,
          "Bytes of those messages; one always fits.");
ABSL_FLAG(uint64_t, max_result_bytes, DefaultLimits().max_result_bytes,
          "Handlers pause for a session while its unacknowledged results "
          "exceed it.");
ABSL_FLAG(uint64_t, max_detached_bytes,
          Defaults().streams.sessions.max_detached_bytes,
          "Memory for sessions without a stream; beyond it the oldest go.");
ABSL_FLAG(int64_t, memory_budget, Defaults().streams.sessions.memory_budget,
          "Bytes that all sessions may hold. Beyond it the biggest are not "
          "read, sessions without a stream go, and no new ones come. -1: a "
          "quarter of what the process may use; 0: anything.");

ABSL_FLAG(std::string, session_store, "memory",
          "Where sessions outlive the process, and with them what was done: "
          "memory (nowhere), sqlite:/path/to/sessions.db (one server), or "
          "postgresql://host/database (a fleet). See docs/durability.md.");
ABSL_FLAG(int, session_store_connections, Defaults().store.connections,
          "Connections to a PostgreSQL store, each of which commits.");
ABSL_FLAG(bool, session_store_prepared, Defaults().store.prepared_statements,
          "Statements stay prepared in PostgreSQL; false behind a pgbouncer "
          "that pools transactions.");
ABSL_FLAG(bool, session_store_restored, Defaults().store.renew_generation,
          "The store was restored from a backup: clients who know more than it "
          "does are told (DATA_LOSS). For the first start after that, once.");
ABSL_FLAG(absl::Duration, session_retention,
          Defaults().commits.session_retention,
          "How long the store keeps a session that nobody uses.");
ABSL_FLAG(absl::Duration, tombstone_retention,
          Defaults().commits.tombstone_retention,
          "How long the store then still knows that it was there, so that its "
          "messages are not processed once more.");

ABSL_FLAG(std::string, otlp_endpoint, Defaults().traces.endpoint,
          "Where spans of messages with a sampled traceparent go, by "
          "OTLP/gRPC: host:port of a collector, as in 127.0.0.1:4317. Empty: "
          "nowhere.");
ABSL_FLAG(std::string, otlp_ca, "",
          "PEM file with the authorities that sign the collector's "
          "certificate; --tls_cert and --tls_key are shown to it. Empty: "
          "plaintext.");
ABSL_FLAG(std::string, otlp_service_name,
          Defaults().traces.resource.service_name,
          "What spans call this service (service.name).");

namespace msgproc::processor {
namespace {

base::OtlpExporter::Options TracesFromFlags(const base::ServerOptions& common) {
  base::OtlpExporter::Options options;
  options.endpoint = absl::GetFlag(FLAGS_otlp_endpoint);
  options.certificates.ca = base::UserPath(absl::GetFlag(FLAGS_otlp_ca));
  if (!options.certificates.ca.empty()) {
    options.certificates.cert = common.credentials.tls_cert;
    options.certificates.key = common.credentials.tls_key;
  }
  options.resource.service_name = absl::GetFlag(FLAGS_otlp_service_name);
  options.resource.version = std::string(base::GetBuildInfo().version);
  options.setting_name = base::AsFlag;
  return options;
}

std::string DefaultServerId() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  absl::BitGen random;
  return absl::StrCat(
      host.data(), "-",
      absl::Hex(absl::Uniform<uint32_t>(random), absl::kZeroPad8));
}

// A file's path counts as the user meant it.
std::string StoreUrlFromFlag() {
  constexpr absl::string_view kSqlite = "sqlite:";
  const std::string url = absl::GetFlag(FLAGS_session_store);
  if (url == "memory") return "";
  if (!absl::StartsWith(url, kSqlite)) return url;
  return absl::StrCat(kSqlite, base::UserPath(url.substr(kSqlite.size())));
}

// Adds the registry to the options, if there is one.
absl::Status AddRegistry(BalancerLink::Options* options) {
  auto registry = etcd::RegistryOptionsFromFlags();
  if (!registry.ok()) return registry.status();
  const absl::Duration lease = absl::GetFlag(FLAGS_registry_lease);
  if (lease < absl::Seconds(2) || lease > absl::Hours(1) ||
      lease % absl::Seconds(1) != absl::ZeroDuration()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--registry_lease is ", absl::FormatDuration(lease),
                     "; it takes whole seconds, 2s to 1h."));
  }
  if (!registry->has_value()) return absl::OkStatus();
  etcd::RegistryOptions& given = **registry;
  options->etcd = EtcdConnection::Options{.url = std::move(given.url),
                                          .client = std::move(given.client),
                                          .lease = lease};
  options->files.insert(options->files.end(), given.files.begin(),
                        given.files.end());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ServerOptions> OptionsFromFlags(
    const base::ServerOptions& common) {
  ServerOptions options;
  options.grpc.acceptor.address = common.listen_address;
  options.grpc.acceptor.max_connections = absl::GetFlag(FLAGS_max_connections);
  options.grpc.acceptor.max_connections_per_address =
      common.max_connections_per_address;
  options.grpc.acceptor.proxy_protocol = absl::GetFlag(FLAGS_proxy_protocol);
  options.grpc.max_connection_idle = common.max_connection_idle;
  options.grpc.credentials = common.credentials;
  options.grpc.credentials.setting_name = base::AsFlag;
  options.grpc.acceptor.setting_name = base::AsFlag;
  options.grpc.max_streams_per_connection = common.max_streams_per_connection;
  options.grpc.channelz = common.channelz;
  options.identity = common.identity;
  options.access_file = base::UserPath(absl::GetFlag(FLAGS_access_file));
  options.authenticate_all = absl::GetFlag(FLAGS_authenticate_all);
  options.handler_threads = absl::GetFlag(FLAGS_handler_threads);
  options.streams.server_id = absl::GetFlag(FLAGS_server_id);
  if (options.streams.server_id.empty()) {
    options.streams.server_id = DefaultServerId();
  }
  options.streams.default_handler = absl::GetFlag(FLAGS_handler);
  options.streams.heartbeat_interval = absl::GetFlag(FLAGS_heartbeat_interval);
  options.streams.drain_grace = common.drain_timeout;
  options.streams.max_stream_age = absl::GetFlag(FLAGS_max_stream_age);
  absl::BitGen random;
  options.streams.stream_age_seed = absl::Uniform<uint64_t>(random);
  SessionTable::Options& sessions = options.streams.sessions;
  sessions.session_ttl = absl::GetFlag(FLAGS_session_ttl);
  sessions.max_detached_bytes = absl::GetFlag(FLAGS_max_detached_bytes);
  sessions.memory_budget = absl::GetFlag(FLAGS_memory_budget);
  sessions.limits.max_batch_messages = absl::GetFlag(FLAGS_max_batch_messages);
  sessions.limits.max_payload_bytes = absl::GetFlag(FLAGS_max_payload_bytes);
  sessions.limits.max_outstanding_messages =
      absl::GetFlag(FLAGS_max_outstanding_messages);
  sessions.limits.max_outstanding_bytes =
      absl::GetFlag(FLAGS_max_outstanding_bytes);
  sessions.limits.max_result_bytes = absl::GetFlag(FLAGS_max_result_bytes);
  options.store.url = StoreUrlFromFlag();
  options.store.connections = absl::GetFlag(FLAGS_session_store_connections);
  options.store.prepared_statements =
      absl::GetFlag(FLAGS_session_store_prepared);
  options.store.renew_generation = absl::GetFlag(FLAGS_session_store_restored);
  options.commits.session_retention = absl::GetFlag(FLAGS_session_retention);
  options.commits.tombstone_retention =
      absl::GetFlag(FLAGS_tombstone_retention);
  options.traces = TracesFromFlags(common);
  base::WrongSettings wrong;
  options.workers = WorkerOptionsFromFlags(&wrong);
  if (options.authenticate_all && common.identity.jwt_keys.empty() &&
      common.credentials.tls_client_ca.empty()) {
    wrong.Add(absl::InvalidArgumentError(
        "--authenticate_all asks for what no client could show: give "
        "--jwt_keys, or --tls_client_ca, or both"));
  }
  wrong.Add(Validate(options), base::AsFlag);
  if (!wrong.empty()) return wrong.AsStatus(base::AsFlag);
  return options;
}

absl::StatusOr<BalancerLink::Options> LinkOptionsFromFlags(
    const base::ServerOptions& common, const std::string& server_id,
    const std::string& address) {
  BalancerLink::Options options;
  options.balancers =
      absl::StrSplit(absl::GetFlag(FLAGS_balancer), ',', absl::SkipEmpty());
  for (const std::string& balancer : options.balancers) {
    // gRPC would take 443, or try a name with a scheme for ever.
    if (balancer.find(':') == std::string::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("--balancer=", balancer,
                       ": has no port; give host:port, as in 10.0.0.7:50050."));
    }
  }
  options.server_id = server_id;
  options.address = absl::GetFlag(FLAGS_advertise_address);
  if (options.address.empty()) options.address = address;
  options.weight = absl::GetFlag(FLAGS_weight);
  if (options.weight < 0.01 || options.weight > 1000) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--weight is ", options.weight, "; it takes 0.01 to 1000."));
  }
  const auto locality = ParseLocality(absl::GetFlag(FLAGS_locality));
  if (!locality.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--locality: ", locality.status().message(), "."));
  }
  options.locality = *locality;
  options.setting_name = base::AsFlag;
  BalancerSecrets::Options files;
  files.setting_name = base::AsFlag;
  files.register_token_file =
      base::UserPath(absl::GetFlag(FLAGS_register_token_file));
  files.certificates.ca = base::UserPath(absl::GetFlag(FLAGS_balancer_ca));
  files.certificates.cert = common.credentials.tls_cert;
  files.certificates.key = common.credentials.tls_key;
  auto secrets = BalancerSecrets::Load(files);
  if (!secrets.ok()) return secrets.status();
  options.token = [secrets = *secrets] { return secrets->Token(); };
  if (!files.certificates.ca.empty()) {
    options.credentials = [secrets = *secrets] {
      return secrets->Credentials();
    };
  }
  options.files = (*secrets)->files();
  if (absl::Status status = AddRegistry(&options); !status.ok()) return status;
  return options;
}

absl::StatusOr<absl::Duration> DrainDelayFromFlag() {
  const absl::Duration delay = absl::GetFlag(FLAGS_drain_delay);
  if (delay < absl::ZeroDuration() || delay > absl::Hours(1)) {
    return absl::InvalidArgumentError(absl::StrCat("--drain_delay is ",
                                                   absl::FormatDuration(delay),
                                                   "; it takes 0 to 1h."));
  }
  return delay;
}

}  // namespace msgproc::processor
