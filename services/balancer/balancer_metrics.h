#ifndef MSGPROC_SERVICES_BALANCER_BALANCER_METRICS_H_
#define MSGPROC_SERVICES_BALANCER_BALANCER_METRICS_H_

#include <functional>
#include <utility>
#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "services/balancer/registry_service.h"
#include "services/balancer/server_lookup.h"
#include "services/balancer/xds/ads_service.h"
#include "services/base/metric_writer.h"

namespace msgproc::balancer {

// A balancer's numbers as msgproc_balancer_* metrics. None has a label by
// server: a fleet of a thousand would make a thousand series of each.
// Thread-safe.
class BalancerMetrics final : public prometheus::Collectable {
 public:
  // All outlive it. `write_connections` is asked at every scrape.
  BalancerMetrics(const ServerLookup* lookup, const RegistryService* registry,
                  const AdsService* ads,
                  std::function<void(base::MetricWriter*)> write_connections)
      : lookup_(lookup),
        registry_(registry),
        ads_(ads),
        write_connections_(std::move(write_connections)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const ServerLookup* const lookup_;
  const RegistryService* const registry_;
  const AdsService* const ads_;
  const std::function<void(base::MetricWriter*)> write_connections_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_BALANCER_METRICS_H_
