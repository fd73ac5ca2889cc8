#include "services/balancer/round_robin.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/check.h"

namespace msgproc::balancer {
namespace {

constexpr uint64_t kFullShare = 1 << 20;
// kFullShare over the golden ratio: multiples of it, modulo kFullShare, lie
// evenly apart however many there are.
constexpr uint64_t kGoldenStep = 648055;

}  // namespace

RoundRobin::RoundRobin(std::shared_ptr<const Roster> roster, uint64_t start)
    : PickPolicy(std::move(roster)), place_(start) {
  const std::vector<double> weights = Weights();
  const double largest =
      weights.empty() ? 1 : *std::max_element(weights.begin(), weights.end());
  for (const double weight : weights) {
    const double share = std::round(weight / largest * kFullShare);
    MSGPROC_CHECK_LE(share, static_cast<double>(kFullShare));
    shares_.push_back(std::max<uint64_t>(1, static_cast<uint64_t>(share)));
  }
}

bool RoundRobin::TakesPart(size_t index, uint64_t round) const {
  MSGPROC_CHECK_LT(index, shares_.size());
  // Its credit grows by its share every round and overflows when it is due.
  // The offset spreads servers of equal weight over the rounds.
  const uint64_t credit = shares_[index] * round + index * kGoldenStep;
  return credit % kFullShare + shares_[index] >= kFullShare;
}

size_t RoundRobin::Next() const {
  MSGPROC_CHECK(!shares_.empty());
  for (;;) {
    const uint64_t place = place_.fetch_add(1, std::memory_order_relaxed);
    const size_t index = place % shares_.size();
    if (TakesPart(index, place / shares_.size())) return index;
  }
}

void RoundRobin::Fill(const PickRequest& request, absl::BitGenRef random,
                      Shortlist& list) const {
  const size_t first = Next();
  if (!list.Offer(roster()[first])) {
    // Someone else's turn, then; by weight as long as that works soon.
    constexpr int kTurns = 8;
    for (int i = 0; i < kTurns && list.empty(); ++i) {
      list.Offer(roster()[Next()]);
    }
  }
  OfferAll(first + 1, list);
}

}  // namespace msgproc::balancer
