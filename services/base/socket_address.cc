#include "services/base/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace msgproc::base {
namespace {

const sockaddr_in& AsV4(const sockaddr* address) {
  return *reinterpret_cast<const sockaddr_in*>(address);
}

const sockaddr_in6& AsV6(const sockaddr* address) {
  return *reinterpret_cast<const sockaddr_in6*>(address);
}

bool IsMappedV4(const sockaddr* address) {
  return address->sa_family == AF_INET6 &&
         IN6_IS_ADDR_V4MAPPED(&AsV6(address).sin6_addr);
}

// The last four bytes of ::ffff:1.2.3.4.
in_addr MappedV4(const sockaddr* address) {
  in_addr v4;
  std::memcpy(&v4, &AsV6(address).sin6_addr.s6_addr[12], sizeof(v4));
  return v4;
}

std::string IpText(const in_addr& ip) {
  char text[INET_ADDRSTRLEN] = "";
  inet_ntop(AF_INET, &ip, text, sizeof(text));
  return text;
}

std::string IpText(const in6_addr& ip) {
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(AF_INET6, &ip, text, sizeof(text));
  return text;
}

std::string V4ToString(const in_addr& ip, int port) {
  return absl::StrCat(IpText(ip), ":", port);
}

std::string V6ToString(const in6_addr& ip, int port) {
  return absl::StrCat("[", IpText(ip), "]:", port);
}

std::string UnixToString(const sockaddr* address, socklen_t length) {
  const auto& un = *reinterpret_cast<const sockaddr_un*>(address);
  const size_t header = offsetof(sockaddr_un, sun_path);
  if (length <= header) return "unix:";
  if (un.sun_path[0] == '\0') {
    return absl::StrCat(
        "unix-abstract:",
        absl::string_view(un.sun_path + 1, length - header - 1));
  }
  return absl::StrCat(
      "unix:",
      absl::string_view(un.sun_path, strnlen(un.sun_path, length - header)));
}

}  // namespace

SocketAddress::SocketAddress(const sockaddr* address, socklen_t length)
    : length_(std::min<socklen_t>(length, sizeof(storage_))) {
  std::memcpy(&storage_, address, length_);
}

SocketAddress SocketAddress::FromIp(absl::string_view ip, int port) {
  const std::string text(ip);
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  SocketAddress address;
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    address = SocketAddress(reinterpret_cast<const sockaddr*>(&v4), sizeof(v4));
  } else if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    address = SocketAddress(reinterpret_cast<const sockaddr*>(&v6), sizeof(v6));
  }
  address.set_port(port);
  return address;
}

SocketAddress SocketAddress::PeerOf(int fd) {
  SocketAddress address;
  socklen_t length = sizeof(address.storage_);
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address.storage_),
                  &length) != 0) {
    return SocketAddress();
  }
  address.length_ = length;
  return address;
}

SocketAddress SocketAddress::LocalOf(int fd) {
  SocketAddress address;
  socklen_t length = sizeof(address.storage_);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage_),
                  &length) != 0) {
    return SocketAddress();
  }
  address.length_ = length;
  return address;
}

int SocketAddress::port() const {
  if (family() == AF_INET) return ntohs(AsV4(data()).sin_port);
  if (family() == AF_INET6) return ntohs(AsV6(data()).sin6_port);
  return 0;
}

void SocketAddress::set_port(int port) {
  const uint16_t network_order = htons(static_cast<uint16_t>(port));
  if (family() == AF_INET) {
    reinterpret_cast<sockaddr_in*>(&storage_)->sin_port = network_order;
  } else if (family() == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(&storage_)->sin6_port = network_order;
  }
}

bool SocketAddress::IsLoopback() const {
  if (family() == AF_UNIX) return true;
  if (family() == AF_INET) {
    return ntohl(AsV4(data()).sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  }
  if (family() != AF_INET6) return false;
  if (IsMappedV4(data())) {
    return ntohl(MappedV4(data()).s_addr) >> 24 == IN_LOOPBACKNET;
  }
  return IN6_IS_ADDR_LOOPBACK(&AsV6(data()).sin6_addr);
}

std::string SocketAddress::Source() const {
  if (family() == AF_INET) return IpText(AsV4(data()).sin_addr);
  if (family() != AF_INET6) return "";
  if (IsMappedV4(data())) return IpText(MappedV4(data()));
  if (IsLoopback()) return IpText(AsV6(data()).sin6_addr);
  in6_addr network = AsV6(data()).sin6_addr;
  std::memset(&network.s6_addr[8], 0, 8);
  return absl::StrCat(IpText(network), "/64");
}

std::string SocketAddress::ToString() const {
  if (family() == AF_INET) return V4ToString(AsV4(data()).sin_addr, port());
  if (family() == AF_UNIX) return UnixToString(data(), length_);
  if (family() != AF_INET6) return "unknown";
  if (IsMappedV4(data())) return V4ToString(MappedV4(data()), port());
  return V6ToString(AsV6(data()).sin6_addr, port());
}

std::string SocketAddress::ToPeer() const {
  if (family() == AF_INET || IsMappedV4(data())) {
    return absl::StrCat("ipv4:", ToString());
  }
  if (family() == AF_INET6) return absl::StrCat("ipv6:", ToString());
  return ToString();
}

std::string DecodePeer(absl::string_view grpc_peer) {
  return absl::StrReplaceAll(grpc_peer, {{"%5B", "["}, {"%5D", "]"}});
}

}  // namespace msgproc::base
