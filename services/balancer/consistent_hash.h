#ifndef MSGPROC_SERVICES_BALANCER_CONSISTENT_HASH_H_
#define MSGPROC_SERVICES_BALANCER_CONSISTENT_HASH_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "services/balancer/hash_ring.h"
#include "services/balancer/least_sessions.h"
#include "services/balancer/pick_policy.h"
#include "services/balancer/roster_load.h"

namespace msgproc::balancer {

// Gives equal affinity keys the same server, as far as load allows: consistent
// hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam,
// arXiv:1608.01350). A server with more than kLoadFactor times its share of
// the fleet's load is passed over for the next on the ring, so one hot key
// cannot sink one server. Below kLoadAlwaysAllowed it never is: a fleet with
// little to do has no reason to tear keys apart. An empty key has no server
// of its own and goes where LeastSessions sends it.
class ConsistentHash final : public PickPolicy {
 public:
  static constexpr double kLoadFactor = 1.25;
  static constexpr uint64_t kLoadAlwaysAllowed = 128;

  explicit ConsistentHash(std::shared_ptr<const Roster> roster);

 private:
  void Fill(const PickRequest& request, absl::BitGenRef random,
            Shortlist& list) const override;
  // Walks the ring from the key's point on.
  void Walk(uint64_t hash, bool bounded, Shortlist& list) const;
  bool IsFull(const Member& member, double total_load) const;

  const HashRing ring_;
  // Off by little beside what is always allowed.
  const RosterLoad load_;
  const LeastSessions keyless_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_CONSISTENT_HASH_H_
