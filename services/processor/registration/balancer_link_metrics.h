#ifndef MSGPROC_SERVICES_PROCESSOR_REGISTRATION_BALANCER_LINK_METRICS_H_
#define MSGPROC_SERVICES_PROCESSOR_REGISTRATION_BALANCER_LINK_METRICS_H_

#include <atomic>
#include <vector>

#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"
#include "services/processor/registration/balancer_link.h"

namespace msgproc::processor {

// With how many balancers the processor is registered, and with how many it
// should be. None until there is a link. Thread-safe.
class BalancerLinkMetrics final : public prometheus::Collectable {
 public:
  // `link` outlives the last Collect.
  void Show(const BalancerLink* link) { link_.store(link); }

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  std::atomic<const BalancerLink*> link_{nullptr};
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_REGISTRATION_BALANCER_LINK_METRICS_H_
