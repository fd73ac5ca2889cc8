#ifndef MSGPROC_SERVICES_BASE_PROCESS_METRICS_H_
#define MSGPROC_SERVICES_BASE_PROCESS_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

namespace msgproc::base {

// What the kernel says of this process, read from /proc when asked:
// process_cpu_seconds_total, process_resident_memory_bytes,
// process_virtual_memory_bytes, process_open_fds, process_max_fds,
// process_start_time_seconds, process_threads. The names are those of every
// Prometheus client library. A value that cannot be read is left out. And how
// much of its log was lost. Thread-safe.
class ProcessMetrics final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_PROCESS_METRICS_H_
