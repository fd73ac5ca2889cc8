#ifndef MSGPROC_SERVICES_BASE_HTTP_CONNECTIONS_H_
#define MSGPROC_SERVICES_BASE_HTTP_CONNECTIONS_H_

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/optional.h"

namespace msgproc::base {

// Which connections an HTTP server has, and which of them have to go: those
// that take too long over a request as a whole, however busily, and, where
// there is no room for a newcomer, the one that has kept the server waiting
// longest. So a probe always gets in past connections that trickle.
//
//   [ queued ]─Begin─►[ reading ]─HandlerBegan─►[ handling ]
//                        ▲                          │ HandlerEnded
//                        └─────RequestEnded─────[ sending ]
//
// Pure: time is handed in, connections are known by their descriptors. One
// thread's, or its owner locks.
class HttpConnections {
 public:
  struct Limits {
    // At once, in all and from one source; 0: no limit.
    size_t total = 128;
    size_t per_source = 64;
    // To send a request, from the connection's beginning or the end of the
    // answer before; and again to take its answer.
    absl::Duration request_timeout = absl::Seconds(10);
  };

  struct Admission {
    bool admitted = false;
    // Is to be shut down to make room. It stays here until Remove.
    absl::optional<int> evicted;
  };

  explicit HttpConnections(const Limits& limits) : limits_(limits) {}

  // `source`: connections of one client have the same; empty: not limited.
  Admission Admit(int fd, const std::string& source, absl::Time now);

  // The library has taken `fd` over: from here on it may be shut down.
  void Begin(int fd, absl::Time now);
  void HandlerBegan(int fd, absl::Time now);
  void HandlerEnded(int fd, absl::Time now);
  void RequestEnded(int fd, absl::Time now);
  void Remove(int fd) { connections_.erase(fd); }

  // Those whose time is up, to be shut down; each once.
  std::vector<int> TakeOverdue(absl::Time now);
  // When the next one's is; InfiniteFuture: there is none.
  absl::Time NextDeadline() const;

 private:
  enum class Phase { kQueued, kReading, kHandling, kSending, kClosing };
  struct Connection {
    std::string source;
    Phase phase = Phase::kQueued;
    absl::Time since;
  };

  void Enter(int fd, Phase phase, absl::Time now);
  // Without those that are closing. Empty source: of all.
  size_t Count(const std::string& source) const;
  absl::optional<int> TakeLongestWaiting(const std::string& source,
                                         Phase phase);
  static bool IsTimed(const Connection& connection);

  const Limits limits_;
  std::map<int, Connection> connections_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_HTTP_CONNECTIONS_H_
