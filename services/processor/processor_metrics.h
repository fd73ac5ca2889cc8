#ifndef MSGPROC_SERVICES_PROCESSOR_PROCESSOR_METRICS_H_
#define MSGPROC_SERVICES_PROCESSOR_PROCESSOR_METRICS_H_

#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "services/processor/server.h"

namespace msgproc::processor {

// A processor's counters as msgproc_processor_* metrics. Thread-safe.
class ProcessorMetrics final : public prometheus::Collectable {
 public:
  // `server` outlives it.
  explicit ProcessorMetrics(Server* server) : server_(server) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  Server* const server_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_PROCESSOR_METRICS_H_
