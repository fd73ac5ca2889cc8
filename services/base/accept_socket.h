#ifndef MSGPROC_SERVICES_BASE_ACCEPT_SOCKET_H_
#define MSGPROC_SERVICES_BASE_ACCEPT_SOCKET_H_

#include "absl/time/time.h"
#include "services/base/unique_fd.h"

namespace msgproc::base {

// accept() on a non-blocking listener: a non-blocking, close-on-exec socket, or
// an invalid one and `*error`.
UniqueFd AcceptSocket(int listener, int* error);

// Whether accept()'s error is of the one connection that was waiting, so that
// the next one may be tried at once. accept(2) lists them.
bool ConcernsOneConnection(int error);

// No delay for small writes, and an end to a peer that acknowledges nothing.
void SetTcpOptions(int fd, absl::Duration user_timeout);

// Whether descriptor `fd` is one of the last `headroom` below the process's
// limit. The kernel hands out the lowest free number, so numbers tell how many
// are in use.
bool IsInHeadroom(int fd, int headroom);

// A descriptor kept back to be able to accept, and close, when all others are
// gone: a listener that cannot accept stays readable, and its clients wait for
// nothing. From libev's manual, "The special problem of accept()ing when you
// can't". One thread's.
class DescriptorReserve {
 public:
  enum class Outcome {
    kClosedOne,      // One connection accepted and closed.
    kNoneWaiting,    // It has gone by itself.
    kNoDescriptors,  // Someone else took the reserve: try again later.
  };

  DescriptorReserve() { Refill(); }

  // Takes a descriptor back if it has lost its own.
  void Refill();
  Outcome AcceptAndClose(int listener);

 private:
  UniqueFd fd_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_ACCEPT_SOCKET_H_
