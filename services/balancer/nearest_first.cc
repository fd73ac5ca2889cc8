#include "services/balancer/nearest_first.h"

#include <vector>

#include "common/check.h"

namespace msgproc::balancer {

bool NearestFirst::IsOfUse(const Roster& roster) {
  for (size_t i = 0; i < roster.size(); ++i) {
    const Locality& locality = roster[i].locality();
    if (!locality.region.empty() || !locality.zone.empty()) return true;
  }
  return false;
}

NearestFirst::NearestFirst(const std::shared_ptr<const Roster>& roster,
                           const MakePolicy& make)
    : PickPolicy(roster), all_(roster, make) {
  std::map<Name, std::vector<std::shared_ptr<Member>>> members;
  for (size_t i = 0; i < roster->size(); ++i) {
    Member& member = (*roster)[i];
    const Locality& at = member.locality();
    if (!at.zone.empty()) {
      members[{at.region, at.zone}].push_back(member.shared_from_this());
    }
    if (!at.region.empty()) {
      members[{at.region, ""}].push_back(member.shared_from_this());
    }
  }
  for (auto& [name, of_area] : members) {
    areas_.try_emplace(name, std::make_shared<const Roster>(std::move(of_area)),
                       make);
  }
}

const NearestFirst::Area* NearestFirst::Find(absl::string_view region,
                                             absl::string_view zone) const {
  const auto found = areas_.find({region, zone});
  return found == areas_.end() ? nullptr : &found->second;
}

bool NearestFirst::HasRoom(const Area& area) const {
  const double load = area.load.Load();
  const auto servers = static_cast<double>(area.load.servers());
  if (load < kLoadAlwaysAllowed * servers) return true;
  // A fleet of one zone has room in it, whatever its load.
  const double share =
      all_.load.Load() * area.load.weight() / all_.load.weight();
  return load < kLoadFactor * share;
}

void NearestFirst::Append(const Area& area, const PickRequest& request,
                          absl::BitGenRef random, Outside outside, size_t most,
                          Shortlist& list) {
  if (list.size() >= most) return;
  Choice choice;
  Shortlist of_area(list.exclude(), &choice, outside);
  FillFrom(*area.policy, request, random, of_area);
  for (size_t i = 0; i < choice.size() && list.size() < most; ++i) {
    list.Offer(choice[i]);
  }
}

void NearestFirst::Fill(const PickRequest& request, absl::BitGenRef random,
                        Shortlist& list) const {
  const Locality* const at = request.locality;
  const bool has_zone = at != nullptr && !at->zone.empty();
  const bool has_region = at != nullptr && !at->region.empty();
  const Area* const zone = has_zone ? Find(at->region, at->zone) : nullptr;
  const Area* const region = has_region ? Find(at->region, "") : nullptr;
  if (zone == nullptr && region == nullptr) {
    return FillFrom(*all_.policy, request, random, list);
  }
  const size_t in_zone = zone == nullptr ? 0 : zone->load.servers();
  const size_t in_region = region == nullptr ? in_zone : region->load.servers();
  const bool full_region = region != nullptr && !HasRoom(*region);
  const size_t avoided = full_region ? in_region : in_zone;
  // Where nothing is outside, to look for it would be to look at each.
  const auto append = [&](const Area& area, size_t inside, Proximity too_near,
                          size_t most) {
    if (area.load.servers() == inside) return;
    Append(area, request, random, {at, too_near}, most, list);
  };
  if (zone != nullptr && HasRoom(*zone)) {
    Append(*zone, request, random, {}, kPlacesOfZone, list);
  }
  if (region != nullptr && !full_region) {
    append(*region, in_zone, Proximity::kSameZone, Choice::kMaxSize);
  }
  append(all_, avoided,
         full_region ? Proximity::kSameRegion : Proximity::kSameZone,
         Choice::kMaxSize);
  // Those that are full, and what the zone has beyond its places.
  if (full_region) {
    append(*region, in_zone, Proximity::kSameZone, Choice::kMaxSize);
  }
  if (zone != nullptr) {
    Append(*zone, request, random, {}, Choice::kMaxSize, list);
  }
}

}  // namespace msgproc::balancer
