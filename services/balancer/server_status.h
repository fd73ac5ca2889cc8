#ifndef MSGPROC_SERVICES_BALANCER_SERVER_STATUS_H_
#define MSGPROC_SERVICES_BALANCER_SERVER_STATUS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/balancer/server_report.h"

namespace msgproc::balancer {

// Plain values that ServerRegistry takes and gives.

// Whether a server is handed out, and if not, why.
enum class ServerState { kServing, kDraining, kUnhealthy, kStale };
inline constexpr size_t kServerStates = 4;

// By ServerState.
using ServerCounts = std::array<size_t, kServerStates>;

inline absl::string_view StateName(ServerState state) {
  switch (state) {
    case ServerState::kServing:
      return "serving";
    case ServerState::kDraining:
      return "draining";
    case ServerState::kUnhealthy:
      return "unhealthy";
    case ServerState::kStale:
      return "stale";
  }
  return "unknown";
}

// What the balancer knows of a server.
struct ServerStatus {
  ServerReport report;
  ServerState state = ServerState::kUnhealthy;
  // Since the last report; infinite for a server that never reports.
  absl::Duration report_age = absl::InfiniteDuration();
  // From the balancer's own list and not by Register.
  bool is_static = false;
  // Of the registration that holds it; 0: none does.
  uint64_t generation = 0;
};

// What the balancer's own health check of an address found.
enum class Health {
  kUnchecked,
  kServing,
  // It answered, and not with SERVING.
  kNotServing,
  // Nobody listens there: certain evidence of a server that is gone.
  kRefused,
  // Silence, which may be the server's end or the network's.
  kUnreachable,
};

inline absl::string_view Finding(Health health) {
  switch (health) {
    case Health::kUnchecked:
      return "was not checked yet";
    case Health::kServing:
      return "answers its health check";
    case Health::kNotServing:
      return "answers its health check, but is not serving";
    case Health::kRefused:
      return "refuses connections from the balancer";
    case Health::kUnreachable:
      return "does not answer its health check from the balancer";
  }
  return "";
}

// One server's hold on its place in the registry. A later registration of the
// same server_id has another generation.
struct Registration {
  std::string server_id;
  uint64_t generation = 0;
};

// Something an operator may want to read in the log.
struct RegistryEvent {
  enum class Kind {
    kJoined,
    kReplaced,
    kDraining,
    kUndrained,
    kLeft,
    kStreamBroken,
    kLeaseExpired,
    kHealthy,
    kUnhealthy,
    kFailStaticBegan,
    kFailStaticEnded,
    kStoresDiffer,
    kStoresAgree,
  };
  Kind kind;
  std::string server_id;
  std::string address;
  // One line, for people.
  std::string text;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_SERVER_STATUS_H_
