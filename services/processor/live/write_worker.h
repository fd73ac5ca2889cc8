#ifndef MSGPROC_SERVICES_PROCESSOR_LIVE_WRITE_WORKER_H_
#define MSGPROC_SERVICES_PROCESSOR_LIVE_WRITE_WORKER_H_

#include "absl/time/time.h"
#include "services/base/live/json_writer.h"
#include "services/processor/workers/worker_facts.h"

namespace msgproc::processor {

// A worker as an object of an array. What it has not is left out.
void WriteWorker(const WorkerFacts& facts, absl::Time now,
                 base::JsonWriter* json);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_LIVE_WRITE_WORKER_H_
