#include "services/base/accept_socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>

#include "common/check.h"

namespace msgproc::base {

UniqueFd AcceptSocket(int listener, int* error) {
  MSGPROC_CHECK_GE(listener, 0);
  UniqueFd fd(
      accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  *error = fd.valid() ? 0 : errno;
  return fd;
}

bool ConcernsOneConnection(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

void SetTcpOptions(int fd, absl::Duration user_timeout) {
  const int on = 1;
  const auto milliseconds =
      static_cast<unsigned>(absl::ToInt64Milliseconds(user_timeout));
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds,
             sizeof(milliseconds));
}

bool IsInHeadroom(int fd, int headroom) {
  MSGPROC_CHECK_GE(fd, 0);
  MSGPROC_CHECK_GE(headroom, 0);
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
  return static_cast<rlim_t>(fd) + static_cast<rlim_t>(headroom) >=
         limit.rlim_cur;
}

void DescriptorReserve::Refill() {
  if (!fd_.valid()) fd_.Reset(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

DescriptorReserve::Outcome DescriptorReserve::AcceptAndClose(int listener) {
  fd_.Reset();
  int error = 0;
  UniqueFd connection = AcceptSocket(listener, &error);
  const bool accepted = connection.valid();
  connection.Reset();
  Refill();
  if (!fd_.valid()) return Outcome::kNoDescriptors;
  if (accepted) return Outcome::kClosedOne;
  return error == EAGAIN ? Outcome::kNoneWaiting : Outcome::kNoDescriptors;
}

}  // namespace msgproc::base
