#include "services/etcd/registry_url.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/check.h"
#include "common/quoted.h"

namespace msgproc::etcd {
namespace {

constexpr absl::string_view kScheme = "etcd://";

absl::Status Wrong(absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat(why,
                   "; give etcd://host:port,host:port/prefix, as in "
                   "etcd://10.0.0.7:2379/msgproc"));
}

absl::Status CheckEndpoint(absl::string_view endpoint) {
  const size_t colon = endpoint.rfind(':');
  int port = 0;
  if (colon == absl::string_view::npos ||
      !absl::SimpleAtoi(endpoint.substr(colon + 1), &port) || port < 1 ||
      port > 65535) {
    return Wrong(absl::StrCat("endpoint ", Quoted(endpoint),
                              " has no port from 1 to 65535"));
  }
  const absl::string_view host = endpoint.substr(0, colon);
  if (host.empty()) {
    return Wrong(absl::StrCat("endpoint ", Quoted(endpoint), " has no host"));
  }
  const bool bracketed =
      absl::StartsWith(host, "[") && absl::EndsWith(host, "]");
  if (!bracketed && absl::StrContains(host, ":")) {
    return Wrong(absl::StrCat("endpoint ", Quoted(endpoint),
                              " has an IPv6 host without brackets"));
  }
  return absl::OkStatus();
}

absl::Status CheckPrefix(absl::string_view prefix) {
  if (prefix.empty()) return Wrong("it has no prefix");
  if (prefix.size() > RegistryUrl::kMaxPrefixBytes) {
    return Wrong(absl::StrCat("the prefix has ", prefix.size(),
                              " bytes; at most ", RegistryUrl::kMaxPrefixBytes,
                              " are allowed"));
  }
  const bool plain = std::all_of(prefix.begin(), prefix.end(), [](char c) {
    return absl::ascii_isgraph(c) && c != '?' && c != '#';
  });
  if (!plain || absl::StrContains(prefix, "//") ||
      absl::StartsWith(prefix, "/")) {
    return Wrong(absl::StrCat("the prefix ", Quoted(prefix),
                              " is not made of printable ASCII words with "
                              "single slashes between them"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RegistryUrl> RegistryUrl::Parse(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, kScheme)) {
    return Wrong("it does not begin with etcd://");
  }
  if (absl::StrContains(text, "@")) {
    return absl::InvalidArgumentError(
        "it holds an @: user and password are no part of it, and the password "
        "stands in a file");
  }
  const size_t slash = text.find('/');
  if (slash == absl::string_view::npos) return Wrong("it has no prefix");
  RegistryUrl url;
  for (const absl::string_view endpoint :
       absl::StrSplit(text.substr(0, slash), ',')) {
    if (absl::Status status = CheckEndpoint(endpoint); !status.ok()) {
      return status;
    }
    url.endpoints.emplace_back(endpoint);
  }
  if (url.endpoints.size() > kMaxEndpoints) {
    return Wrong(absl::StrCat("it has ", url.endpoints.size(),
                              " endpoints; at most ", kMaxEndpoints,
                              " are allowed"));
  }
  absl::string_view prefix = text.substr(slash + 1);
  absl::ConsumeSuffix(&prefix, "/");
  if (absl::Status status = CheckPrefix(prefix); !status.ok()) return status;
  url.prefix = std::string(prefix);
  return url;
}

std::string RegistryUrl::ServerKey(absl::string_view server_id) const {
  return absl::StrCat(ServersFolder(), server_id);
}

std::string RegistryUrl::OrderKey(absl::string_view server_id) const {
  return absl::StrCat(prefix, ".orders/", server_id);
}

std::string EndOfPrefix(std::string prefix) {
  MSGPROC_CHECK(!prefix.empty());
  MSGPROC_CHECK(prefix.back() != '\xff');
  ++prefix.back();
  return prefix;
}

}  // namespace msgproc::etcd
