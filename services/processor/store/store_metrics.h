#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_STORE_METRICS_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_STORE_METRICS_H_

#include "services/base/metric_writer.h"
#include "services/processor/store/store_committer.h"

namespace msgproc::processor {

// The metrics of a session store, msgproc_store_*.
void WriteStoreMetrics(StoreCommitter* committer, base::MetricWriter* writer);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_STORE_METRICS_H_
