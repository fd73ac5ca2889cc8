#ifndef MSGPROC_SERVICES_BALANCER_RANDOM_POLICY_H_
#define MSGPROC_SERVICES_BALANCER_RANDOM_POLICY_H_

#include <memory>
#include <utility>

#include "services/balancer/pick_policy.h"
#include "services/balancer/weighted_sampler.h"

namespace msgproc::balancer {

// Draws a server by weight, whatever its load. Needs no reports.
class RandomPolicy final : public PickPolicy {
 public:
  explicit RandomPolicy(std::shared_ptr<const Roster> roster)
      : PickPolicy(std::move(roster)), sampler_(Weights()) {}

 private:
  void Fill(const PickRequest& request, absl::BitGenRef random,
            Shortlist& list) const override;

  const WeightedSampler sampler_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_RANDOM_POLICY_H_
