#ifndef MSGPROC_SERVICES_BASE_LISTEN_ADDRESS_H_
#define MSGPROC_SERVICES_BASE_LISTEN_ADDRESS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/base/socket_address.h"

namespace msgproc::base {

// Where a server listens, as an operator writes it. A value.
//
//   127.0.0.1:50051  [::1]:50051  localhost:50051   one interface
//   *:50051  0.0.0.0:50051  [::]:50051              every interface
//   unix:/run/msgproc.sock                          a Unix socket
//
// Port 0 means any free one.
struct ListenAddress {
  // INVALID_ARGUMENT, with the text and what it should look like.
  static absl::StatusOr<ListenAddress> Parse(absl::string_view text);

  bool is_unix() const { return !path.empty(); }

  // The way Parse reads it, "*" included.
  std::string ToString() const;

  // The numeric addresses behind it, IPv4 first, without repeats; "*" is
  // [::] (which takes IPv4 as well) where this machine has IPv6. May ask DNS.
  // INVALID_ARGUMENT when the name is unknown. Not for Unix sockets.
  absl::StatusOr<std::vector<SocketAddress>> Resolve() const;

  std::string host;  // Without brackets; "*" is every interface.
  int port = 0;
  std::string path;  // A Unix socket's file; then there is no host.
};

// Whether only this machine can reach it: every address behind it is loopback,
// or it is a Unix socket.
absl::StatusOr<bool> IsLoopback(const ListenAddress& address);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_LISTEN_ADDRESS_H_
