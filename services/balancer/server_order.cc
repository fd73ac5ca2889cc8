#include "services/balancer/server_order.h"

#include "absl/strings/str_cat.h"
#include "services/balancer/server_report.h"

namespace msgproc::balancer {

absl::Status TakesOrders(const ServerStatus& server) {
  const std::string& id = server.report.server_id;
  if (server.generation == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(id,
                     " is not registered here, so that no order reaches it: "
                     "ask it at its own --admin_address"));
  }
  if (!server.report.takes_orders) {
    return absl::FailedPreconditionError(
        absl::StrCat(id,
                     " is of an older release, which takes no orders from a "
                     "balancer; SIGTERM drains it and ends it"));
  }
  return absl::OkStatus();
}

absl::Status Validate(const ServerOrder& order) {
  if (!order.cordoned.has_value() && !order.drain) {
    return absl::InvalidArgumentError(
        "the order asks for nothing: say whether to cordon or to drain");
  }
  if (order.drain_to.empty()) return absl::OkStatus();
  if (!order.drain) {
    return absl::InvalidArgumentError("drain_to is only for a drain");
  }
  return ValidateAddress(order.drain_to);
}

}  // namespace msgproc::balancer
