#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_FLAGS_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_FLAGS_H_

#include "absl/status/statusor.h"
#include "services/processor/workers/worker_options.h"

namespace msgproc::processor {

// Whether this process is a worker that a processor has started: main() calls
// RunWorkerRole and does nothing else.
bool IsWorkerRole();

// What the flags say of workers; a count of 0: Model I. INVALID_ARGUMENT,
// naming the flag.
absl::StatusOr<WorkerOptions> WorkerOptionsFromFlags();

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_FLAGS_H_
