#ifndef MSGPROC_SERVICES_PROCESSOR_FLAGS_H_
#define MSGPROC_SERVICES_PROCESSOR_FLAGS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/server_flags.h"
#include "services/processor/registration/balancer_link.h"
#include "services/processor/server.h"

namespace msgproc::processor {

// The processor's own flags, and those it shares with the balancer, as options.
// After ParseFlagsOrExit. INVALID_ARGUMENT, naming every flag that is wrong, a
// line each.
absl::StatusOr<ServerOptions> OptionsFromFlags(
    const base::ServerOptions& common);

// Which balancers to register with, and as what; no balancers: with none.
// `server_id` and `address` are what the server has. INVALID_ARGUMENT or
// NOT_FOUND, naming the flag.
absl::StatusOr<BalancerLink::Options> LinkOptionsFromFlags(
    const base::ServerOptions& common, const std::string& server_id,
    const std::string& address);

// How long a stop goes on serving, once everybody was told of it, before
// clients are sent away. INVALID_ARGUMENT, naming the flag.
absl::StatusOr<absl::Duration> DrainDelayFromFlag();

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_FLAGS_H_
