#include "services/balancer/consistent_hash.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/check.h"

namespace msgproc::balancer {
namespace {

// The sum is off by the picks in between, which is little beside what is always
// allowed.
constexpr uint64_t kPicksPerSum = 64;
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
    : PickPolicy(roster), ring_(*roster), keyless_(std::move(roster)) {
  for (const double weight : Weights()) total_weight_ += weight;
  MSGPROC_CHECK(this->roster().empty() || total_weight_ > 0);
}

double ConsistentHash::TotalLoad() const {
  if (picks_.fetch_add(1, std::memory_order_relaxed) % kPicksPerSum == 0) {
    uint64_t sum = 0;
    for (size_t i = 0; i < roster().size(); ++i) sum += roster()[i].load();
    total_load_.store(sum, std::memory_order_relaxed);
  }
  return static_cast<double>(total_load_.load(std::memory_order_relaxed));
}

bool ConsistentHash::IsFull(const Member& member, double total_load) const {
  const uint64_t load = member.load();
  if (load < kLoadAlwaysAllowed) return false;
  const double share = (total_load + 1) * member.weight() / total_weight_;
  return static_cast<double>(load) >= std::ceil(kLoadFactor * share);
}

void ConsistentHash::Walk(uint64_t hash, bool bounded, Shortlist& list) const {
  const double total_load = TotalLoad();
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
