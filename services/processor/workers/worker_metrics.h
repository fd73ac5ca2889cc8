#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_METRICS_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_METRICS_H_

#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "services/processor/workers/worker_process_executor.h"

namespace msgproc::processor {

// What is counted of workers as msgproc_processor_worker* metrics. Thread-safe.
class WorkerMetrics final : public prometheus::Collectable {
 public:
  // `workers` outlives it. Null (Model I): no metrics.
  explicit WorkerMetrics(const WorkerProcessExecutor* workers)
      : workers_(workers) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const WorkerProcessExecutor* const workers_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_METRICS_H_
