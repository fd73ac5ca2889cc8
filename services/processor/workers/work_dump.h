#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORK_DUMP_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORK_DUMP_H_

#include <sys/types.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/state_dump.h"
#include "services/processor/workers/dispatcher.h"
#include "services/processor/workers/work_item.h"

namespace msgproc::processor {

// Adds what a dispatcher holds of a session: the dispatcher itself, the
// session's books with what waits, and each worker that has something of it,
// with that. Items are WorkerBatches'. `workers`: those that there are, with
// their processes.
void AddWorkDumps(const Dispatcher& dispatcher,
                  const std::vector<std::pair<WorkerId, pid_t>>& workers,
                  uint64_t session, absl::Time now,
                  std::vector<StateDump>* dumps);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORK_DUMP_H_
