#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_FLAGS_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_FLAGS_H_

#include "services/base/wrong_settings.h"
#include "services/processor/workers/worker_options.h"

namespace msgproc::processor {

// Whether this process is a worker that a processor has started: main() calls
// RunWorkerRole and does nothing else.
bool IsWorkerRole();

// What the flags say of workers; a count of 0: Model I. `wrong` is told what
// is, by its flag.
WorkerOptions WorkerOptionsFromFlags(base::WrongSettings* wrong);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_FLAGS_H_
