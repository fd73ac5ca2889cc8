#ifndef MSGPROC_SERVICES_BALANCER_POLICY_KIND_H_
#define MSGPROC_SERVICES_BALANCER_POLICY_KIND_H_

#include <memory>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/balancer/pick_policy.h"
#include "services/balancer/roster.h"

namespace msgproc::balancer {

enum class PolicyKind { kLeastSessions, kRoundRobin, kRandom, kConsistentHash };

// Understands least_sessions, round_robin, random and consistent_hash;
// INVALID_ARGUMENT, naming them, for anything else.
absl::StatusOr<PolicyKind> ParsePolicyKind(absl::string_view name);

absl::string_view PolicyName(PolicyKind kind);

// Nearest first where servers say where they are. `random` decides where round
// robin starts.
std::unique_ptr<const PickPolicy> NewPickPolicy(
    PolicyKind kind, std::shared_ptr<const Roster> roster,
    absl::BitGenRef random);

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_POLICY_KIND_H_
