#include "services/processor/registration/balancer_link_metrics.h"

#include <cstddef>

#include "services/base/metric_writer.h"

namespace msgproc::processor {

std::vector<prometheus::MetricFamily> BalancerLinkMetrics::Collect() const {
  const BalancerLink* const link = link_.load();
  const size_t all = link == nullptr ? 0 : link->balancers();
  const size_t registered = link == nullptr ? 0 : link->registered();
  base::MetricWriter writer;
  writer
      .Gauge("msgproc_processor_balancers",
             "Balancers that the processor was told of, by whether it is "
             "registered with them.")
      .Add({{"state", "registered"}}, static_cast<double>(registered))
      .Add({{"state", "unregistered"}}, static_cast<double>(all - registered));
  return writer.Take();
}

}  // namespace msgproc::processor
