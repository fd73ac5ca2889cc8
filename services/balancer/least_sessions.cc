#include "services/balancer/least_sessions.h"

#include <cstddef>
#include <utility>

#include "absl/random/distributions.h"

namespace msgproc::balancer {
namespace {

// Draws before it looks at every server in turn; only exclusions and servers
// that are gone make it need more than a list's length.
constexpr int kDraws = 8;

}  // namespace

void LeastSessions::Fill(const PickRequest& request, absl::BitGenRef random,
                         Shortlist& list) const {
  // In a small fleet, every further draw would find the same few again.
  const size_t wanted = roster().size() <= kDraws ? 1 : Choice::kMaxSize;
  for (int i = 0; i < kDraws && list.size() < wanted; ++i) {
    size_t better = sampler_.Sample(random);
    size_t worse = sampler_.Sample(random);
    // Twice the same is no choice at all, and in a small fleet it is frequent.
    if (worse == better) worse = (better + 1) % roster().size();
    if (roster()[worse].relative_load() < roster()[better].relative_load()) {
      std::swap(better, worse);
    }
    if (!list.Offer(roster()[better])) list.Offer(roster()[worse]);
  }
  if (!list.full()) {
    OfferAll(absl::Uniform<size_t>(random, 0, roster().size()), list);
  }
  list.SortAlternatives();
}

}  // namespace msgproc::balancer
