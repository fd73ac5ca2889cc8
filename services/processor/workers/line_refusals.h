#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_LINE_REFUSALS_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_LINE_REFUSALS_H_

#include "services/processor/workers/worker_batch.h"

namespace msgproc::processor {

// Takes out of a worker batch, before it is sent, the messages that cannot
// travel as lines. Whether none is left.
bool TakeOutRefusals(WorkerBatch* work);

// Puts an Error (INVALID_ARGUMENT) in the place of each, once the others are
// answered.
void PutInRefusals(WorkerBatch* work);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_LINE_REFUSALS_H_
