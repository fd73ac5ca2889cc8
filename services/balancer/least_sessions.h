#ifndef MSGPROC_SERVICES_BALANCER_LEAST_SESSIONS_H_
#define MSGPROC_SERVICES_BALANCER_LEAST_SESSIONS_H_

#include <memory>
#include <utility>

#include "services/balancer/pick_policy.h"
#include "services/balancer/weighted_sampler.h"

namespace msgproc::balancer {

// Draws two servers by weight and takes the one with less load for its weight:
// the power of two choices (Mitzenmacher, "The Power of Two Choices in
// Randomized Load Balancing", 2001). Close to even, and unlike taking the very
// least loaded it does not send everyone to one server when several balancers
// act on reports of different age. Drawing by weight keeps a heavy server
// reachable among many light ones (Wieder, "Balanced allocations with
// heterogenous bins", 2007).
class LeastSessions final : public PickPolicy {
 public:
  explicit LeastSessions(std::shared_ptr<const Roster> roster)
      : PickPolicy(std::move(roster)), sampler_(Weights()) {}

 private:
  friend class ConsistentHash;

  void Fill(const PickRequest& request, absl::BitGenRef random,
            Shortlist& list) const override;

  const WeightedSampler sampler_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_LEAST_SESSIONS_H_
