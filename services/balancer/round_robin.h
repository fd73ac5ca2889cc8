#ifndef MSGPROC_SERVICES_BALANCER_ROUND_ROBIN_H_
#define MSGPROC_SERVICES_BALANCER_ROUND_ROBIN_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "services/balancer/pick_policy.h"

namespace msgproc::balancer {

// Goes through the servers in turn. A server of less weight sits out rounds,
// evenly spaced, so that weights 5, 1, 1 give a b a a c a a and not a a a a a b
// c: as smooth as NGINX's weighted round robin, without its pass over all
// servers for every pick. (Stride scheduling, Waldspurger and Weihl 1995, in
// the static form of gRPC's proposal A58.) One atomic counter, no lock.
//
// A round holds one place per server; a pick looks at (largest weight / mean
// weight) places on average.
class RoundRobin final : public PickPolicy {
 public:
  // Starts at `start`: at random where rosters come and go, or the first
  // servers would be favoured each time.
  RoundRobin(std::shared_ptr<const Roster> roster, uint64_t start);

 private:
  void Fill(const PickRequest& request, absl::BitGenRef random,
            Shortlist& list) const override;
  // The server whose turn it is.
  size_t Next() const;
  // Whether a server takes part in a round.
  bool TakesPart(size_t index, uint64_t round) const;

  // 1 to kFullShare: the share of the rounds that a server takes part in.
  std::vector<uint64_t> shares_;
  mutable std::atomic<uint64_t> place_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_ROUND_ROBIN_H_
