#ifndef MSGPROC_SERVICES_BALANCER_SERVER_ORDER_H_
#define MSGPROC_SERVICES_BALANCER_SERVER_ORDER_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "services/balancer/server_status.h"

namespace msgproc::balancer {

// What an operator wants of a server, to be passed on to it. A plain value.
struct ServerOrder {
  // Whether it is to be cordoned; none: as it is.
  std::optional<bool> cordoned;
  // Its sockets are to go to `drain_to`, host:port; empty: where their clients
  // find.
  bool drain = false;
  std::string drain_to;
};

// Whether the server can be given an order. FAILED_PRECONDITION says why not.
absl::Status TakesOrders(const ServerStatus& server);

// INVALID_ARGUMENT: it asks for nothing, or for what no server could do.
absl::Status Validate(const ServerOrder& order);

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_SERVER_ORDER_H_
