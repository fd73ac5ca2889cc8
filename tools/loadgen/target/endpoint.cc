#include "tools/loadgen/target/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/grpc_server.h"
#include "services/base/setting_name.h"
#include "services/base/unique_fd.h"
#include "tools/loadgen/target/token_file.h"

namespace msgproc::loadgen {
namespace {

absl::Status ReadPem(absl::string_view setting, const std::string& path,
                     std::string* text) {
  if (path.empty()) return absl::OkStatus();
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (file) content << file.rdbuf();
  *text = content.str();
  if (!file || !absl::StrContains(*text, "-----BEGIN")) {
    return absl::InvalidArgumentError(
        absl::StrCat(setting, "=", path,
                     file ? ": is not a PEM file (no \"-----BEGIN\" in it)."
                          : ": cannot be read. Does the file exist?"));
  }
  return absl::OkStatus();
}

absl::Status SetCredentials(const Plan& plan,
                            client::MessageStreamOptions* options) {
  if (!plan.uses_tls()) return absl::OkStatus();
  const Options& asked = plan.asked;
  const base::SettingName& name = asked.setting_name;
  grpc::SslCredentialsOptions tls;
  absl::Status status =
      ReadPem(name("tls_ca"), asked.tls_ca, &tls.pem_root_certs);
  status.Update(ReadPem(name("tls_cert"), asked.tls_cert, &tls.pem_cert_chain));
  status.Update(ReadPem(name("tls_key"), asked.tls_key, &tls.pem_private_key));
  if (!status.ok()) return status;
  options->credentials = grpc::SslCredentials(tls);
  if (!asked.tls_server_name.empty()) {
    options->channel_arguments.SetSslTargetNameOverride(asked.tls_server_name);
  }
  return absl::OkStatus();
}

absl::Status SetToken(const Options& asked,
                      client::MessageStreamOptions* options) {
  if (asked.token_file.empty()) return absl::OkStatus();
  options->token_provider = [flag = asked.setting_name("token_file"),
                             path = asked.token_file] {
    return ReadToken(flag, path);
  };
  // So that a mistake is told before anything is connected.
  return options->token_provider().status();
}

absl::Status CheckAddresses(const Plan& plan) {
  const base::SettingName& name = plan.asked.setting_name;
  absl::Status status;
  if (!plan.asked.target.empty()) {
    status.Update(CheckAddress(name, "target", plan.asked.target));
  }
  for (const std::string& balancer : plan.balancers) {
    status.Update(CheckAddress(name, "balancer", balancer));
  }
  return status;
}

absl::Status Embed(Endpoint* endpoint) {
  absl::StatusOr<std::unique_ptr<EmbeddedProcessor>> embedded =
      EmbeddedProcessor::Start();
  if (!embedded.ok()) return embedded.status();
  endpoint->embedded = *std::move(embedded);
  endpoint->stream_options.target = endpoint->embedded->address();
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckAddress(const base::SettingName& name,
                          absl::string_view option, absl::string_view address) {
  for (const absl::string_view scheme : {"http://", "https://", "grpc://"}) {
    if (!absl::StartsWith(address, scheme)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(name(option), "=", address, ": leave ", scheme,
                     " out. Write host:port, ", "as in ", kDefaultTarget,
                     "; TLS is turned on with ", name("tls_ca"), "."));
  }
  // What gRPC's resolvers take, as the client library does.
  for (const absl::string_view scheme : {"unix:", "unix-abstract:", "dns:",
                                         "ipv4:", "ipv6:", "vsock:", "xds:"}) {
    if (absl::StartsWith(address, scheme) && address.size() > scheme.size()) {
      return absl::OkStatus();
    }
  }
  const size_t colon = address.rfind(':');
  int port = 0;
  if (colon != absl::string_view::npos && colon > 0 &&
      absl::SimpleAtoi(address.substr(colon + 1), &port) && port >= 1 &&
      port <= 65535) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      name(option), "=", address, ": is no address. Write host:port, as in ",
      kDefaultTarget, ", unix:/path, or another target of gRPC's ",
      "(dns:///name:port, ipv4:1.2.3.4:5,6.7.8.9:5, xds:///name)."));
}

bool SomethingListensAt(absl::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) return false;
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  int port = 0;
  if (!absl::SimpleAtoi(address.substr(colon + 1), &port)) return false;
  peer.sin_port = htons(static_cast<uint16_t>(port));
  const std::string host(address.substr(0, colon));
  if (inet_pton(AF_INET, host.c_str(), &peer.sin_addr) != 1) return false;
  const base::UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  // Loopback answers at once, yes or no.
  return connect(socket.get(), reinterpret_cast<const sockaddr*>(&peer),
                 sizeof(peer)) == 0;
}

absl::StatusOr<Endpoint> FindEndpoint(const Plan& plan,
                                      absl::string_view default_target) {
  Endpoint endpoint;
  absl::Status status = CheckAddresses(plan);
  status.Update(SetCredentials(plan, &endpoint.stream_options));
  status.Update(SetToken(plan.asked, &endpoint.stream_options));
  if (!status.ok()) return status;
  client::MessageStreamOptions& options = endpoint.stream_options;
  if (!plan.balancers.empty()) {
    options.balancers = plan.balancers;
    endpoint.where =
        absl::StrCat("balancer ", absl::StrJoin(plan.balancers, ", "));
    return endpoint;
  }
  if (!plan.asked.target.empty()) {
    options.target = plan.asked.target;
  } else if (SomethingListensAt(default_target)) {
    options.target = std::string(default_target);
  } else if (plan.uses_tls()) {
    const base::SettingName& name = plan.asked.setting_name;
    return absl::InvalidArgumentError(absl::StrCat(
        name("tls_ca"), " and the like are for a processor of yours: give its ",
        name("target"), " (nothing listens at ", default_target, ")."));
  } else if (!plan.asked.token_file.empty()) {
    const base::SettingName& name = plan.asked.setting_name;
    return absl::InvalidArgumentError(absl::StrCat(
        name("token_file"), " is for a processor of yours: give ", "its ",
        name("target"), " (nothing listens at ", default_target, ")."));
  } else if (status = Embed(&endpoint); !status.ok()) {
    return status;
  }
  endpoint.where = options.target;
  return endpoint;
}

}  // namespace msgproc::loadgen
