#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_LIST_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_LIST_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "services/processor/workers/worker_facts.h"
#include "services/processor/workers/worker_process_executor.h"

namespace msgproc::processor {

// What operators are told of workers. Any thread.

// Each that there is and what it has, at about one moment; in the roster's
// order. Reads a file of /proc for each.
std::vector<WorkerFacts> ListWorkers(WorkerProcessExecutor* workers);

// What the processes that live have taken of the CPU and have resident, without
// those that they have started.
struct WorkerUsage {
  absl::Duration cpu;
  uint64_t resident_bytes = 0;
};
WorkerUsage ReadWorkerUsage(const WorkerProcessExecutor& workers);

// Workers that have ended and should not have, since the start.
uint64_t CountWorkerDeaths(const WorkerProcessExecutor& workers);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_LIST_H_
