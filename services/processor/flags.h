#ifndef MSGPROC_SERVICES_PROCESSOR_FLAGS_H_
#define MSGPROC_SERVICES_PROCESSOR_FLAGS_H_

#include "absl/status/statusor.h"
#include "services/base/server_flags.h"
#include "services/processor/server.h"

namespace msgproc::processor {

// The processor's own flags, and those it shares with the balancer, as options.
// After ParseFlagsOrExit. INVALID_ARGUMENT, naming the flag.
absl::StatusOr<ServerOptions> OptionsFromFlags(
    const server::ServerOptions& common);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_FLAGS_H_
