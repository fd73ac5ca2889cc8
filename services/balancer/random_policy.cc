#include "services/balancer/random_policy.h"

#include <cstddef>

#include "absl/random/distributions.h"

namespace msgproc::balancer {
namespace {

// Draws before it looks at every server in turn.
constexpr int kDraws = 8;

}  // namespace

void RandomPolicy::Fill(const PickRequest& request, absl::BitGenRef random,
                        Shortlist& list) const {
  // In a small fleet, every further draw would find the same few again.
  const size_t wanted = roster().size() <= kDraws ? 1 : Choice::kMaxSize;
  for (int i = 0; i < kDraws && list.size() < wanted; ++i) {
    list.Offer(roster()[sampler_.Sample(random)]);
  }
  if (list.full()) return;
  OfferAll(absl::Uniform<size_t>(random, 0, roster().size()), list);
}

}  // namespace msgproc::balancer
