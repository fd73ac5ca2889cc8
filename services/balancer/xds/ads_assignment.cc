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

void AdsAssignment::Take(const Choice& choice, const Locality& locality,
                         bool in_last_place) {
  const auto is_near = [&locality](const Member& member) {
    return ProximityOf(locality, member.locality()) == Proximity::kSameZone;
  };
  for (size_t i = 0; i < choice.size() && serving_.size() < kMaxServing; ++i) {
    bool there = false;
    bool all_near = is_near(choice[i]);
    for (const std::shared_ptr<Member>& member : serving_) {
      there |= member->address() == choice[i].address();
      all_near &= is_near(*member);
    }
    if (there) continue;
    const bool last_place = serving_.size() + 1 == kMaxServing;
    if (last_place && all_near && !in_last_place) continue;
    serving_.push_back(choice[i].shared_from_this());
  }
}

void AdsAssignment::FillUp(const Client& client, absl::BitGenRef random,
                           Fleet* fleet) {
  const auto proximity = [&client](const Member& member) {
    return ProximityOf(client.locality, member.locality());
  };
  const bool nearest =
      client.locality.empty() ||
      (!serving_.empty() && proximity(*serving_[0]) == Proximity::kSameZone);
  const Versions now = {fleet->version(), fleet->picked_version()};
  if ((nearest && serving_.size() == kMaxServing) || filled_at_ == now) return;
  filled_at_ = now;
  const auto picked = fleet->Pick({.affinity_key = client.affinity_key,
                                   .locality = &client.locality,
                                   .counts = false},
                                  random);
  if (!picked.ok()) return;
  const Choice& choice = picked->choice;
  if (!serving_.empty() && proximity(choice[0]) > proximity(*serving_[0])) {
    serving_.clear();
  }
  if (serving_.empty()) choice[0].CountPick();
  Take(choice, client.locality, /*in_last_place=*/false);
  Take(choice, client.locality, /*in_last_place=*/true);
  std::stable_sort(serving_.begin() + 1, serving_.end(),
                   [&proximity](const auto& a, const auto& b) {
                     return proximity(*a) > proximity(*b);
                   });
}

std::optional<XdsAssignment> AdsAssignment::Review(const Client& client,
                                                   const Resolve& resolve,
                                                   absl::BitGenRef random,
                                                   Fleet* fleet) {
  LetGo(*fleet);
  FillUp(client, random, fleet);
  MSGPROC_CHECK_LE(serving_.size(), kMaxServing);
  XdsAssignment assignment;
  const auto add = [&resolve](const auto& members, auto* endpoints) {
    for (const std::shared_ptr<Member>& member : members) {
      auto endpoint = resolve(member->address());
      if (!endpoint.has_value()) continue;
      endpoint->locality = member->locality();
      endpoints->push_back(*std::move(endpoint));
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
