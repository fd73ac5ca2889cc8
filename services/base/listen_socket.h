#ifndef MSGPROC_SERVICES_BASE_LISTEN_SOCKET_H_
#define MSGPROC_SERVICES_BASE_LISTEN_SOCKET_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/base/listen_address.h"
#include "services/base/unique_fd.h"

namespace msgproc::base {

// The listening sockets behind one address: several when a host name stands for
// several addresses. They are non-blocking and close-on-exec, and never share
// their port. Closed, and a Unix socket's file removed, at its end. Not
// thread-safe.
class ListenSocket {
 public:
  // ALREADY_EXISTS when a live server has the port or the socket file,
  // INVALID_ARGUMENT when this machine does not have the address,
  // PERMISSION_DENIED or INTERNAL with the system's own words otherwise. The
  // socket file of a dead server is replaced. `unix_mode`: what the file of a
  // Unix socket allows, from its first moment; 0777: what the umask does.
  static absl::StatusOr<ListenSocket> Listen(const ListenAddress& address,
                                             mode_t unix_mode = 0777);

  ListenSocket(ListenSocket&&) = default;
  ListenSocket& operator=(ListenSocket&&) = delete;
  ~ListenSocket() { Close(); }

  // Connections are refused from here on. May be called again.
  void Close();

  const std::vector<UniqueFd>& fds() const { return fds_; }

  // What was asked for, with the real port.
  const ListenAddress& address() const { return address_; }

 private:
  ListenSocket() = default;
  absl::Status ListenTcp();
  absl::Status ListenTcpOnce();
  absl::Status ListenUnix(mode_t mode);

  std::vector<UniqueFd> fds_;
  ListenAddress address_;
  // The socket file's identity, so that a successor's file is left alone.
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_LISTEN_SOCKET_H_
