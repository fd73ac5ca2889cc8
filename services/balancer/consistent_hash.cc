#include "services/balancer/consistent_hash.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/check.h"

namespace msgproc::balancer {
namespace {

// How far a walk goes before it looks at every server in turn.
constexpr int kMaxPointsWalked = 512;

// Which owners a walk has met. Only small fleets are worth it: in a large one
// the list is full long before a walk comes round to the same server often.
class SeenOwners {
 public:
  explicit SeenOwners(size_t size)
      : small_(size <= 64), left_(static_cast<int>(size)) {}

  // False: met before.
  bool Add(size_t owner) {
    if (!small_) return true;
    MSGPROC_CHECK_LT(owner, 64U);
    const uint64_t bit = uint64_t{1} << owner;
    if ((mask_ & bit) != 0) return false;
    MSGPROC_CHECK_GT(left_, 0);
    mask_ |= bit;
    --left_;
    return true;
  }
  bool all() const { return small_ && left_ == 0; }

 private:
  const bool small_;
  int left_;
  uint64_t mask_ = 0;
};

}  // namespace

ConsistentHash::ConsistentHash(std::shared_ptr<const Roster> roster)
    : PickPolicy(roster),
      ring_(*roster),
      load_(roster.get()),
      keyless_(std::move(roster)) {
  MSGPROC_CHECK(this->roster().empty() || load_.weight() > 0);
}

bool ConsistentHash::IsFull(const Member& member, double total_load) const {
  const uint64_t load = member.load();
  if (load < kLoadAlwaysAllowed) return false;
  const double share = (total_load + 1) * member.weight() / load_.weight();
  return static_cast<double>(load) >= std::ceil(kLoadFactor * share);
}

void ConsistentHash::Walk(uint64_t hash, bool bounded, Shortlist& list) const {
  const double total_load = load_.Load();
  size_t point = ring_.Find(hash);
  const size_t first = ring_.Owner(point);
  SeenOwners seen(roster().size());
  for (int i = 0; i < kMaxPointsWalked && !list.full() && !seen.all(); ++i) {
    const size_t owner = ring_.Owner(point);
    point = ring_.Next(point);
    if (!seen.Add(owner)) continue;
    Member& member = roster()[owner];
    if (!bounded || !IsFull(member, total_load)) list.Offer(member);
  }
  if (!bounded && !seen.all()) OfferAll(first, list);
}

void ConsistentHash::Fill(const PickRequest& request, absl::BitGenRef random,
                          Shortlist& list) const {
  if (request.affinity_key.empty()) {
    keyless_.Fill(request, random, list);
    return;
  }
  const uint64_t hash = StableHash(request.affinity_key);
  Walk(hash, /*bounded=*/true, list);
  // Full servers are still better alternatives than none.
  if (!list.full()) Walk(hash, /*bounded=*/false, list);
}

}  // namespace msgproc::balancer
