#include "services/balancer/flags.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "services/balancer/policy_kind.h"
#include "services/balancer/server_report.h"
#include "services/base/admin_flags.h"
#include "services/base/user_path.h"
#include "services/base/wrong_settings.h"
#include "services/etcd/registry_flags.h"

namespace {

msgproc::balancer::Fleet::Options Defaults() { return {}; }

}  // namespace

ABSL_FLAG(std::string, policy,
          std::string(msgproc::balancer::PolicyName(Defaults().policy)),
          "Which server a client is given: least_sessions (of two drawn at "
          "random), round_robin, random, or consistent_hash (by the client's "
          "affinity_key).");
ABSL_FLAG(absl::Duration, lease, Defaults().registry.lease,
          "How long a processor stays without a report; it reports three times "
          "as often.");
ABSL_FLAG(std::string, servers, "",
          "Processors that do not register, as host:port, separated by commas. "
          "Their health is checked.");
ABSL_FLAG(std::string, register_token_file, "",
          "File with the tokens of those who may register, one a line, taken "
          "anew when it changes. Empty: everyone may who can connect, unless "
          "clients show certificates (--register_allowed).");
ABSL_FLAG(std::string, register_allowed, "",
          "Names of certificates (alternative or common) whose holders may "
          "register, separated by commas; *.example.org: all directly below. "
          "With --tls_client_ca registering takes one of them, or a token.");
ABSL_FLAG(bool, authenticate_lookups,
          msgproc::balancer::ServerOptions().authenticate_lookups,
          "GetServer and ListServers answer only those who show who they are, "
          "by a token (--jwt_keys) or a certificate (--tls_client_ca); "
          "/get-server on the HTTP page is closed.");
ABSL_FLAG(double, moves_per_second, Defaults().rebalancer.moves_per_second,
          "Sessions a second that a server with too many is told to send "
          "elsewhere; one with too few is sent ten times as many. 0: sockets "
          "stay where they are.");
ABSL_FLAG(absl::Duration, fail_static, Defaults().registry.fail_static,
          "How long processors are handed out that have vanished together with "
          "most of the fleet and do not refuse connections. 0: not at all.");
ABSL_FLAG(std::string, tls_ca, "",
          "PEM file with the authorities that signed the processors' "
          "certificates: health checks then speak TLS, and show --tls_cert if "
          "that is given.");
ABSL_FLAG(std::string, health_check_tls_name, "",
          "With --tls_ca: the name that health checks look for in every "
          "processor's certificate, for processors at addresses that none can "
          "have (pods' IPs). Clients have to look for it, too. Empty: the host "
          "of each processor's address.");
ABSL_FLAG(std::string, xds_address, "",
          "host:port for xDS (ADS v3): gRPC clients in any language then find "
          "processors as xds:///processors. Empty: not served.");

namespace msgproc::balancer {
namespace {

absl::Status Invalid(absl::string_view flag, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", why));
}

Fleet::Options FleetOptions(base::WrongSettings* wrong) {
  Fleet::Options fleet;
  const auto policy = ParsePolicyKind(absl::GetFlag(FLAGS_policy));
  if (!policy.ok()) wrong->Add(Invalid("policy", policy.status().message()));
  fleet.policy = policy.value_or(fleet.policy);
  fleet.registry.lease = absl::GetFlag(FLAGS_lease);
  fleet.registry.fail_static = absl::GetFlag(FLAGS_fail_static);
  const double rate = absl::GetFlag(FLAGS_moves_per_second);
  fleet.rebalancer.moves_per_second = rate;
  fleet.rebalancer.arrivals_per_second = 10 * rate;
  wrong->Add(Validate(fleet), base::AsFlag);
  return fleet;
}

absl::StatusOr<std::vector<std::string>> StaticServers() {
  std::vector<std::string> servers;
  for (const absl::string_view text : absl::StrSplit(
           absl::GetFlag(FLAGS_servers), ',', absl::SkipWhitespace())) {
    const absl::string_view address = absl::StripAsciiWhitespace(text);
    if (const absl::Status status = ValidateAddress(address); !status.ok()) {
      return Invalid("servers", status.message());
    }
    servers.emplace_back(address);
  }
  return servers;
}

}  // namespace

absl::StatusOr<ServerOptions> OptionsFromFlags(
    const base::ServerOptions& common) {
  ServerOptions options;
  options.grpc.acceptor.address = common.listen_address;
  options.grpc.acceptor.max_connections_per_address =
      common.max_connections_per_address;
  options.grpc.max_connection_idle = common.max_connection_idle;
  options.grpc.credentials = common.credentials;
  options.grpc.credentials.setting_name = base::AsFlag;
  options.grpc.acceptor.setting_name = base::AsFlag;
  options.setting_name = base::AsFlag;
  options.grpc.max_streams_per_connection = common.max_streams_per_connection;
  options.grpc.channelz = common.channelz;
  options.http_address = common.http_address;
  options.xds_address = absl::GetFlag(FLAGS_xds_address);
  options.liveness = common.liveness;
  base::WrongSettings wrong;
  options.fleet = FleetOptions(&wrong);
  auto servers = StaticServers();
  wrong.Add(servers.status());
  if (servers.ok()) options.static_servers = *std::move(servers);
  auto registry = etcd::RegistryOptionsFromFlags();
  wrong.Add(registry.status());
  if (registry.ok()) options.registry = *std::move(registry);
  options.register_token_file =
      base::UserPath(absl::GetFlag(FLAGS_register_token_file));
  options.register_allowed = absl::StrSplit(
      absl::GetFlag(FLAGS_register_allowed), ',', absl::SkipWhitespace());
  for (std::string& name : options.register_allowed) {
    absl::StripAsciiWhitespace(&name);
  }
  if (!options.register_allowed.empty() &&
      common.credentials.tls_client_ca.empty()) {
    wrong.Add(Invalid("register_allowed",
                      "names are those of certificates: ask clients for theirs "
                      "with --tls_client_ca"));
  }
  options.processor_ca = base::UserPath(absl::GetFlag(FLAGS_tls_ca));
  options.health_check_tls_name = absl::GetFlag(FLAGS_health_check_tls_name);
  options.identity = common.identity;
  options.authenticate_lookups = absl::GetFlag(FLAGS_authenticate_lookups);
  const bool clients_can_show = !common.identity.jwt_keys.empty() ||
                                !common.credentials.tls_client_ca.empty();
  if (options.authenticate_lookups && !clients_can_show) {
    wrong.Add(Invalid("authenticate_lookups",
                      "asks for what no client could show: give --jwt_keys, "
                      "or --tls_client_ca, or both"));
  }
  if (!options.authenticate_lookups && !common.identity.jwt_keys.empty()) {
    wrong.Add(Invalid("jwt_keys",
                      "a balancer looks at tokens only with "
                      "--authenticate_lookups"));
  }
  if (!options.health_check_tls_name.empty() && options.processor_ca.empty()) {
    wrong.Add(Invalid("health_check_tls_name",
                      "health checks see certificates only with --tls_ca"));
  }
  options.admin = base::AdminOptionsFromFlags();
  wrong.Add(base::Validate(options.admin, common.credentials), base::AsFlag);
  if (!wrong.empty()) return wrong.AsStatus(base::AsFlag);
  return options;
}

}  // namespace msgproc::balancer
