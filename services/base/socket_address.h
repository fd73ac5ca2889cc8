#ifndef MSGPROC_SERVICES_BASE_SOCKET_ADDRESS_H_
#define MSGPROC_SERVICES_BASE_SOCKET_ADDRESS_H_

#include <sys/socket.h>

#include <string>

#include "absl/strings/string_view.h"

namespace msgproc::base {

// An IPv4, IPv6 or Unix socket's address as the kernel keeps it. A value.
//
// IPv4 addresses that an IPv6 socket reports (::ffff:1.2.3.4) print as IPv4.
class SocketAddress {
 public:
  SocketAddress() = default;
  SocketAddress(const sockaddr* address, socklen_t length);

  // `ip` without brackets, `port` in host order. `family()` is AF_UNSPEC when
  // `ip` is not a numeric address.
  static SocketAddress FromIp(absl::string_view ip, int port);
  // The two ends of a socket; AF_UNSPEC when the kernel does not tell.
  static SocketAddress PeerOf(int fd);
  static SocketAddress LocalOf(int fd);

  int family() const { return storage_.ss_family; }
  const sockaddr* data() const {
    return reinterpret_cast<const sockaddr*>(&storage_);
  }
  socklen_t length() const { return length_; }

  // 0 where there is none.
  int port() const;
  void set_port(int port);

  // 127.0.0.0/8, ::1 and Unix sockets: what does not leave this machine.
  bool IsLoopback() const;

  // What connections of one client have in common: "1.2.3.4", of an IPv6
  // address the /64 that one host or home is given, "2001:db8::/64". Empty for
  // a Unix socket.
  std::string Source() const;

  // "1.2.3.4:56", "[2001:db8::1]:56", "unix:/path".
  std::string ToString() const;

  // What ToString gives, with gRPC's scheme in front: "ipv4:1.2.3.4:56",
  // "ipv6:[::1]:56". gRPC itself percent-encodes the brackets of
  // ServerContext::peer(); see DecodePeer.
  std::string ToPeer() const;

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

// A gRPC peer name with its percent-encoded brackets decoded.
std::string DecodePeer(absl::string_view grpc_peer);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_SOCKET_ADDRESS_H_
