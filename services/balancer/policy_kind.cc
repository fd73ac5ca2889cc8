#include "services/balancer/policy_kind.h"

#include <cstdint>
#include <utility>

#include "absl/random/distributions.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "services/balancer/consistent_hash.h"
#include "services/balancer/least_sessions.h"
#include "services/balancer/nearest_first.h"
#include "services/balancer/random_policy.h"
#include "services/balancer/round_robin.h"

namespace msgproc::balancer {
namespace {

std::unique_ptr<const PickPolicy> NewPolicyOfKind(
    PolicyKind kind, std::shared_ptr<const Roster> roster,
    absl::BitGenRef random) {
  switch (kind) {
    case PolicyKind::kLeastSessions:
      break;
    case PolicyKind::kRoundRobin:
      return std::make_unique<RoundRobin>(std::move(roster),
                                          absl::Uniform<uint32_t>(random));
    case PolicyKind::kRandom:
      return std::make_unique<RandomPolicy>(std::move(roster));
    case PolicyKind::kConsistentHash:
      return std::make_unique<ConsistentHash>(std::move(roster));
  }
  return std::make_unique<LeastSessions>(std::move(roster));
}

}  // namespace

absl::StatusOr<PolicyKind> ParsePolicyKind(absl::string_view name) {
  for (const PolicyKind kind :
       {PolicyKind::kLeastSessions, PolicyKind::kRoundRobin,
        PolicyKind::kRandom, PolicyKind::kConsistentHash}) {
    if (name == PolicyName(kind)) return kind;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "there is no policy \"", name,
      "\"; give least_sessions, round_robin, random or consistent_hash"));
}

absl::string_view PolicyName(PolicyKind kind) {
  switch (kind) {
    case PolicyKind::kLeastSessions:
      return "least_sessions";
    case PolicyKind::kRoundRobin:
      return "round_robin";
    case PolicyKind::kRandom:
      return "random";
    case PolicyKind::kConsistentHash:
      return "consistent_hash";
  }
  return "unknown";
}

std::unique_ptr<const PickPolicy> NewPickPolicy(
    PolicyKind kind, std::shared_ptr<const Roster> roster,
    absl::BitGenRef random) {
  MSGPROC_CHECK(roster != nullptr);
  if (!NearestFirst::IsOfUse(*roster)) {
    return NewPolicyOfKind(kind, std::move(roster), random);
  }
  return std::make_unique<NearestFirst>(
      std::move(roster), [kind, random](std::shared_ptr<const Roster> area) {
        return NewPolicyOfKind(kind, std::move(area), random);
      });
}

}  // namespace msgproc::balancer
