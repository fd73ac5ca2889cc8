#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_LAUNCH_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_LAUNCH_H_

#include "services/processor/workers/worker_options.h"
#include "services/processor/workers/worker_process.h"

namespace msgproc::processor {

// How the workers that these options ask for are started: the command by
// /bin/sh, where the user is; or this program, by the path under which it was
// started, so that one put in its place meanwhile is what runs, with the
// arguments that this process got and --worker_role.
WorkerLaunch LaunchOf(const WorkerOptions& options);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_LAUNCH_H_
