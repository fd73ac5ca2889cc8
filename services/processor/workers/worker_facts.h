#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_FACTS_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_FACTS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "services/processor/workers/work_item.h"
#include "services/processor/workers/worker_life.h"

namespace msgproc::processor {

// What a worker holds, as the dispatcher knows it.
struct WorkerLoad {
  // Messages that it has and has not answered.
  uint64_t held_messages = 0;
  // Sessions that these, and those that wait for this very worker, are of.
  size_t sessions = 0;
  // When its oldest batch was given to it; infinite: it has none.
  absl::Time oldest = absl::InfiniteFuture();
};

// One worker, as operators see it. A plain value.
struct WorkerFacts {
  // 0: its slot has no process, as it has died and the next one starts soon.
  WorkerId id = 0;
  // The slot's number, as in logs and metrics.
  int slot = 0;
  pid_t pid = 0;
  WorkerPhase phase = WorkerPhase::kGone;
  absl::Time started = absl::InfinitePast();
  // In this phase.
  absl::Time since = absl::InfinitePast();
  // Processes that were started in the slot before this one.
  uint64_t restarts = 0;
  // How the last process of the slot that ended did so, for people; empty: none
  // has.
  std::string last_exit;
  absl::Time exited = absl::InfinitePast();

  WorkerLoad load;
  // Messages that this worker, and those before it in the slot, have answered.
  uint64_t messages = 0;
  // Resident, of its process alone. 0: unknown.
  size_t memory = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_FACTS_H_
