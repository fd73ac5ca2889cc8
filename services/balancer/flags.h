#ifndef MSGPROC_SERVICES_BALANCER_FLAGS_H_
#define MSGPROC_SERVICES_BALANCER_FLAGS_H_

#include "absl/status/statusor.h"
#include "services/balancer/server.h"
#include "services/base/server_flags.h"

namespace msgproc::balancer {

// The balancer's own flags, and those it shares with the processor, as options.
// After ParseFlagsOrExit. INVALID_ARGUMENT, naming every flag that is wrong, a
// line each.
absl::StatusOr<ServerOptions> OptionsFromFlags(
    const base::ServerOptions& common);

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_FLAGS_H_
