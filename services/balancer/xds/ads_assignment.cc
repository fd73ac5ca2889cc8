#include "services/balancer/xds/ads_assignment.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace msgproc::balancer {

void AdsAssignment::LetGo(const Fleet& fleet) {
  const auto drains = [&fleet](const std::shared_ptr<Member>& member) {
    const auto status = fleet.Get(member->server_id());
    return status.ok() && status->state == ServerState::kDraining &&
           status->report.address == member->address();
  };
  draining_.erase(std::remove_if(draining_.begin(), draining_.end(),
                                 [&drains](const auto& member) {
                                   return member->available() ||
                                          !drains(member);
                                 }),
                  draining_.end());
  for (auto at = serving_.begin(); at != serving_.end();) {
    if ((*at)->available()) {
      ++at;
      continue;
    }
    if (drains(*at)) draining_.push_back(std::move(*at));
    at = serving_.erase(at);
  }
  while (draining_.size() > kMaxDraining) draining_.erase(draining_.begin());
}

void AdsAssignment::FillUp(absl::string_view affinity_key,
                           absl::BitGenRef random, Fleet* fleet) {
  // A pick counts as load: one for each change of the fleet is enough.
  const Versions now = {fleet->version(), fleet->picked_version()};
  if (serving_.size() == kMaxServing || filled_at_ == now) return;
  filled_at_ = now;
  const auto picked = fleet->Pick({.affinity_key = affinity_key}, random);
  if (!picked.ok()) return;
  const Choice& choice = picked->choice;
  for (size_t i = 0; i < choice.size() && serving_.size() < kMaxServing; ++i) {
    const bool there =
        std::any_of(serving_.begin(), serving_.end(), [&](const auto& member) {
          return member->address() == choice[i].address();
        });
    if (!there) serving_.push_back(choice[i].shared_from_this());
  }
}

std::optional<XdsAssignment> AdsAssignment::Review(
    absl::string_view affinity_key, const Resolve& resolve,
    absl::BitGenRef random, Fleet* fleet) {
  LetGo(*fleet);
  FillUp(affinity_key, random, fleet);
  MSGPROC_CHECK_LE(serving_.size(), kMaxServing);
  XdsAssignment assignment;
  const auto add = [&resolve](const auto& members, auto* endpoints) {
    for (const std::shared_ptr<Member>& member : members) {
      const auto endpoint = resolve(member->address());
      if (endpoint.has_value()) endpoints->push_back(*endpoint);
    }
  };
  add(serving_, &assignment.serving);
  // A balancer that knows of no server may have just started: whoever has a
  // list does better with that one.
  if (assignment.serving.empty()) return std::nullopt;
  add(draining_, &assignment.draining);
  return assignment;
}

}  // namespace msgproc::balancer
