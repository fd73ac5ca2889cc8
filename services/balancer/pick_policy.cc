#include "services/balancer/pick_policy.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/check.h"

namespace msgproc::balancer {

bool Choice::Holds(absl::string_view address) const {
  return std::any_of(
      members_.begin(), members_.begin() + size_,
      [&](const Member* member) { return member->address() == address; });
}

void Choice::SortAlternatives() {
  if (size_ < 3) return;
  // Loads change while others pick: each is read once. By insertion, as there
  // are three at most.
  std::array<std::pair<double, Member*>, kMaxSize> loads;
  for (size_t i = 1; i < size_; ++i) {
    const double load = members_[i]->relative_load();
    size_t at = i;
    for (; at > 1 && load < loads[at - 1].first; --at)
      loads[at] = loads[at - 1];
    loads[at] = {load, members_[i]};
  }
  for (size_t i = 1; i < size_; ++i) members_[i] = loads[i].second;
}

bool Shortlist::Offer(Member& member) {
  if (full() || !member.available()) return false;
  if (choice_->Holds(member.address())) return false;
  if (std::find(exclude_.begin(), exclude_.end(), member.address()) !=
      exclude_.end()) {
    return false;
  }
  if (outside_.of != nullptr &&
      ProximityOf(*outside_.of, member.locality()) >= outside_.too_near) {
    return false;
  }
  choice_->Append(member);
  return true;
}

Choice PickPolicy::Pick(const PickRequest& request,
                        absl::BitGenRef random) const {
  Choice choice;
  if (roster_->empty()) return choice;
  Shortlist list(request.exclude, &choice);
  Fill(request, random, list);
  if (choice.empty() && !request.exclude.empty()) {
    Shortlist anything({}, &choice);
    Fill(request, random, anything);
  }
  if (request.counts && !choice.empty()) choice[0].CountPick();
  return choice;
}

void PickPolicy::OfferAll(size_t start, Shortlist& list) const {
  const size_t size = roster_->size();
  MSGPROC_CHECK_GT(size, 0U);
  for (size_t i = 0; i < size && !list.full(); ++i) {
    list.Offer((*roster_)[(start + i) % size]);
  }
}

std::vector<double> PickPolicy::Weights() const {
  std::vector<double> weights;
  weights.reserve(roster_->size());
  for (size_t i = 0; i < roster_->size(); ++i) {
    weights.push_back((*roster_)[i].weight());
  }
  return weights;
}

}  // namespace msgproc::balancer
