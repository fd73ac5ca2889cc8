#include "services/base/listen_address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/base/unique_fd.h"

namespace msgproc::base {
namespace {

constexpr absl::string_view kForms =
    "write host:port (127.0.0.1:50051, [::1]:50051, *:50051 for every "
    "interface, port 0 for any free one) or unix:/path";

absl::Status Malformed(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("the address \"", text, "\" ", why, ": ", kForms));
}

bool HasIpv6() {
  return UniqueFd(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)).valid();
}

absl::StatusOr<ListenAddress> ParseUnix(absl::string_view text,
                                        absl::string_view path) {
  ListenAddress address;
  address.path = std::string(path);
  if (path.empty()) return Malformed(text, "names no file");
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return Malformed(text, absl::StrCat("is longer than the ",
                                        sizeof(sockaddr_un::sun_path) - 1,
                                        " bytes that the system allows"));
  }
  return address;
}

}  // namespace

absl::StatusOr<ListenAddress> ListenAddress::Parse(absl::string_view text) {
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "unix:")) return ParseUnix(text, rest);
  const size_t colon = rest.rfind(':');
  if (colon == absl::string_view::npos) return Malformed(text, "has no port");
  absl::string_view host = rest.substr(0, colon);
  const absl::string_view port = rest.substr(colon + 1);
  ListenAddress address;
  if (absl::ConsumePrefix(&host, "[")) {
    if (!absl::ConsumeSuffix(&host, "]") ||
        SocketAddress::FromIp(host, 0).family() != AF_INET6) {
      return Malformed(text, "has no IPv6 address between its brackets");
    }
  } else if (absl::StrContains(host, ':')) {
    return Malformed(text, "has an IPv6 address without brackets");
  }
  if (host.empty()) return Malformed(text, "has no host");
  if (!absl::SimpleAtoi(port, &address.port) || address.port < 0 ||
      address.port > 65535 || !absl::ascii_isdigit(port[0])) {
    return Malformed(text, "has no port between 0 and 65535");
  }
  address.host = std::string(host);
  return address;
}

std::string ListenAddress::ToString() const {
  if (is_unix()) return absl::StrCat("unix:", path);
  if (absl::StrContains(host, ':')) {
    return absl::StrCat("[", host, "]:", port);
  }
  return absl::StrCat(host, ":", port);
}

absl::StatusOr<std::vector<SocketAddress>> ListenAddress::Resolve() const {
  if (host == "*") {
    return std::vector<SocketAddress>{
        SocketAddress::FromIp(HasIpv6() ? "::" : "0.0.0.0", port)};
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot find the host of \"", ToString(),
                     "\": ", gai_strerror(error), "; ", kForms));
  }
  std::vector<SocketAddress> addresses;
  for (const addrinfo* i = found; i != nullptr; i = i->ai_next) {
    SocketAddress address(i->ai_addr, i->ai_addrlen);
    address.set_port(port);
    const bool repeated = std::any_of(
        addresses.begin(), addresses.end(), [&](const SocketAddress& other) {
          return other.ToString() == address.ToString();
        });
    if (!repeated) addresses.push_back(address);
  }
  freeaddrinfo(found);
  std::stable_sort(addresses.begin(), addresses.end(),
                   [](const SocketAddress& a, const SocketAddress& b) {
                     return a.family() == AF_INET && b.family() != AF_INET;
                   });
  return addresses;
}

absl::StatusOr<bool> IsLoopback(const ListenAddress& address) {
  if (address.is_unix()) return true;
  absl::StatusOr<std::vector<SocketAddress>> resolved = address.Resolve();
  if (!resolved.ok()) return resolved.status();
  return std::all_of(resolved->begin(), resolved->end(),
                     [](const SocketAddress& one) { return one.IsLoopback(); });
}

}  // namespace msgproc::base
