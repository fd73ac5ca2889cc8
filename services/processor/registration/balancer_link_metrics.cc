#include "services/processor/registration/balancer_link_metrics.h"

#include <cstddef>

#include "services/base/metric_writer.h"
#include "services/processor/registration/etcd_connection.h"

namespace msgproc::processor {
namespace {

void WriteRegistry(const EtcdConnection::Stats& stats,
                   base::MetricWriter* writer) {
  writer
      ->Gauge("msgproc_processor_registry_registered",
              "1 while the processor's record is in etcd for certain: its "
              "lease is kept alive.")
      .Add({}, stats.registered ? 1 : 0);
  writer
      ->Counter("msgproc_processor_registry_leases_lost_total",
                "Leases that ran out in etcd, and the record with them.")
      .Add({}, static_cast<double>(stats.leases_lost));
  writer
      ->Counter("msgproc_processor_registry_failures_total",
                "Requests to etcd that failed; they are made again.")
      .Add({}, static_cast<double>(stats.failures));
  writer
      ->Counter("msgproc_processor_registry_writes_total",
                "Times that the record was written.")
      .Add({}, static_cast<double>(stats.writes));
}

}  // namespace

std::vector<prometheus::MetricFamily> BalancerLinkMetrics::Collect() const {
  const BalancerLink* const link = link_.load();
  const size_t all = link == nullptr ? 0 : link->balancers();
  const size_t registered = link == nullptr ? 0 : link->registered();
  base::MetricWriter writer;
  writer
      .Gauge("msgproc_processor_balancers",
             "Balancers that the processor was told of, by whether it is "
             "registered with them; a registry in etcd counts as one.")
      .Add({{"state", "registered"}}, static_cast<double>(registered))
      .Add({{"state", "unregistered"}}, static_cast<double>(all - registered));
  // Where there is a registry, and only there.
  if (link != nullptr && link->etcd() != nullptr) {
    WriteRegistry(link->etcd()->stats(), &writer);
  }
  return writer.Take();
}

}  // namespace msgproc::processor
