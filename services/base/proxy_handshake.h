#ifndef MSGPROC_SERVICES_BASE_PROXY_HANDSHAKE_H_
#define MSGPROC_SERVICES_BASE_PROXY_HANDSHAKE_H_

#include <cstddef>
#include <cstdint>
#include <map>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "services/base/proxy_header.h"
#include "services/base/socket_address.h"
#include "services/base/unique_fd.h"

namespace msgproc::base {

// The sockets whose PROXY header has not arrived whole.
//
// Bytes are looked at in the kernel's buffer and taken only when the header is
// complete, and then exactly the header's, so that what follows is still in the
// socket for whoever reads it next. The owner watches the sockets
// edge-triggered and calls Read when more has come. One thread's.
class ProxyHandshake {
 public:
  // A connection behind a proxy, its header taken.
  struct Finished {
    UniqueFd fd;
    absl::optional<SocketAddress> client;
  };

  // Every socket has `timeout` to send its header.
  explicit ProxyHandshake(absl::Duration timeout) : timeout_(timeout) {}

  void Add(uint64_t id, UniqueFd fd, absl::Time now);
  bool Contains(uint64_t id) const { return sockets_.count(id) != 0; }

  // Looks at what has arrived for `id`, which is in here; `ended`: no more
  // will. nullopt: more bytes are needed. Otherwise `id` is out: with its
  // socket, or closed with INVALID_ARGUMENT (what is wrong with its header, or
  // that it ended without).
  absl::StatusOr<absl::optional<Finished>> Read(uint64_t id, bool ended);

  // Closes one socket whose time is up and gives its id; nullopt: there is
  // none.
  absl::optional<uint64_t> TakeExpired(absl::Time now);

  // Closes one socket, whichever, and gives its id; nullopt: there is none.
  absl::optional<uint64_t> TakeAny();

  // When the next socket's time is up; InfiniteFuture when there is none.
  absl::Time NextDeadline() const;

 private:
  struct Socket {
    UniqueFd fd;
    absl::Time deadline;
  };

  const absl::Duration timeout_;
  // Ids rise and all timeouts are equal: the first one's deadline is next.
  std::map<uint64_t, Socket> sockets_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_PROXY_HANDSHAKE_H_
