#include "services/base/listen_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace msgproc::base {
namespace {

// Bounds the connections that wait for accept(); the system's own
// net.core.somaxconn (4096) bounds it as well.
constexpr int kBacklog = 4096;
constexpr int kPortAttempts = 8;

absl::Status SystemError(const std::string& address, int error) {
  const std::string message =
      absl::StrCat("cannot listen on ", address, ": ", strerror(error));
  switch (error) {
    case EADDRINUSE:
      return absl::AlreadyExistsError(absl::StrCat(
          message,
          "; another process has it (`ss -ltnp` shows which): stop "
          "it, or choose another port"));
    case EADDRNOTAVAIL:
      return absl::InvalidArgumentError(absl::StrCat(
          message,
          "; this machine does not have that address (`ip address` "
          "shows which it has)"));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(
          absl::StrCat(message,
                       "; ports below 1024 and other users' folders want "
                       "privileges"));
    default:
      return absl::InternalError(message);
  }
}

absl::StatusOr<UniqueFd> ListenOn(const SocketAddress& address) {
  UniqueFd fd(
      socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return SystemError(address.ToString(), errno);
  const int on = 1;
  const int off = 0;
  // Lets a restart have its port although old connections linger in TIME_WAIT.
  // With port 0 the kernel could give two servers the same one.
  if (address.port() != 0) {
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  }
  if (address.family() == AF_INET6) {
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  }
  if (bind(fd.get(), address.data(), address.length()) != 0 ||
      listen(fd.get(), kBacklog) != 0) {
    return SystemError(address.ToString(), errno);
  }
  return fd;
}

sockaddr_un UnixAddress(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Removes the socket file of a server that is no more.
absl::Status RemoveStale(const std::string& path) {
  struct stat found {};
  if (lstat(path.c_str(), &found) != 0) return absl::OkStatus();
  if (!S_ISSOCK(found.st_mode)) {
    return absl::AlreadyExistsError(
        absl::StrCat("cannot listen on unix:", path,
                     ": there is a file that is not a socket; remove it or "
                     "choose another path"));
  }
  const UniqueFd probe(
      socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const sockaddr_un address = UnixAddress(path);
  const int connected =
      connect(probe.get(), reinterpret_cast<const sockaddr*>(&address),
              sizeof(address));
  if (connected == 0 || errno != ECONNREFUSED) {
    return absl::AlreadyExistsError(
        absl::StrCat("cannot listen on unix:", path,
                     ": a running server has it; stop it or choose another "
                     "path"));
  }
  unlink(path.c_str());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ListenSocket> ListenSocket::Listen(const ListenAddress& address,
                                                  mode_t unix_mode) {
  ListenSocket listener;
  listener.address_ = address;
  absl::Status status =
      address.is_unix() ? listener.ListenUnix(unix_mode) : listener.ListenTcp();
  if (!status.ok()) return status;
  return listener;
}

absl::Status ListenSocket::ListenTcp() {
  const int wanted_port = address_.port;
  absl::Status status;
  for (int attempt = 0; attempt < kPortAttempts; ++attempt) {
    address_.port = wanted_port;
    status = ListenTcpOnce();
    if (status.ok()) return status;
    fds_.clear();
    // A free port of one address may be taken on the name's next one.
    if (wanted_port != 0 || !absl::IsAlreadyExists(status)) break;
  }
  address_.port = wanted_port;
  return status;
}

absl::Status ListenSocket::ListenTcpOnce() {
  absl::StatusOr<std::vector<SocketAddress>> resolved = address_.Resolve();
  if (!resolved.ok()) return resolved.status();
  absl::Status skipped = absl::InvalidArgumentError(
      absl::StrCat(address_.ToString(), " stands for no address"));
  for (SocketAddress& address : *resolved) {
    address.set_port(address_.port);
    absl::StatusOr<UniqueFd> fd = ListenOn(address);
    if (fd.ok()) {
      if (address_.port == 0) {
        address_.port = SocketAddress::LocalOf(fd->get()).port();
      }
      fds_.push_back(*std::move(fd));
    } else if (absl::IsAlreadyExists(fd.status())) {
      return fd.status();
    } else {
      // "localhost" is ::1 as well, also where IPv6 is switched off.
      skipped = fd.status();
    }
  }
  return fds_.empty() ? skipped : absl::OkStatus();
}

absl::Status ListenSocket::ListenUnix(mode_t mode) {
  const std::string& path = address_.path;
  const size_t slash = path.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "." : path.substr(0, slash + 1);
  // Two starting servers must not remove each other's fresh file: the folder is
  // locked from looking to listening.
  const UniqueFd lock(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!lock.valid()) return SystemError(address_.ToString(), errno);
  flock(lock.get(), LOCK_EX);
  absl::Status stale = RemoveStale(path);
  if (!stale.ok()) return stale;
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const sockaddr_un address = UnixAddress(path);
  struct stat made {};
  // The file gets the socket's own mode, less the umask: so it is never there
  // with more.
  if (!fd.valid() || fchmod(fd.get(), mode) != 0 ||
      bind(fd.get(), reinterpret_cast<const sockaddr*>(&address),
           sizeof(address)) != 0 ||
      listen(fd.get(), kBacklog) != 0 || lstat(path.c_str(), &made) != 0) {
    return SystemError(address_.ToString(), errno);
  }
  device_ = made.st_dev;
  inode_ = made.st_ino;
  fds_.push_back(std::move(fd));
  return absl::OkStatus();
}

void ListenSocket::Close() {
  if (fds_.empty()) return;
  if (address_.is_unix()) {
    struct stat found {};
    if (lstat(address_.path.c_str(), &found) == 0 && found.st_dev == device_ &&
        found.st_ino == inode_) {
      unlink(address_.path.c_str());
    }
  }
  fds_.clear();
}

}  // namespace msgproc::base
