#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_BATCH_LIMITS_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_BATCH_LIMITS_H_

#include <cstdint>

#include "services/processor/executors/batch.h"
#include "services/processor/executors/executor.h"

namespace msgproc::processor {

// How a session's messages are cut for so many workers: little work in a batch,
// so that sessions take turns and a session's messages spread over the workers;
// more where so much waits that all workers have enough to do, as every batch
// costs the same. `waiting`: messages of all sessions that no worker has. Pure.
Executor::Limits BatchLimits(const HandlerBinding& binding, int workers,
                             uint64_t waiting);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_BATCH_LIMITS_H_
