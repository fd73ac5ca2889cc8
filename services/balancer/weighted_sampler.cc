#include "services/balancer/weighted_sampler.h"

#include <numeric>

#include "absl/random/distributions.h"
#include "common/check.h"

namespace msgproc::balancer {

WeightedSampler::WeightedSampler(const std::vector<double>& weights) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  const double scale = static_cast<double>(weights.size()) / total;
  slots_.reserve(weights.size());
  std::vector<size_t> small;
  std::vector<size_t> large;
  for (size_t i = 0; i < weights.size(); ++i) {
    MSGPROC_CHECK_GT(weights[i], 0);
    slots_.push_back({weights[i] * scale, i});
    (slots_[i].probability < 1 ? small : large).push_back(i);
  }
  // Each small slot is filled up by a large one, which shrinks by as much.
  while (!small.empty() && !large.empty()) {
    const size_t poor = small.back();
    const size_t rich = large.back();
    small.pop_back();
    slots_[poor].alias = rich;
    slots_[rich].probability -= 1 - slots_[poor].probability;
    if (slots_[rich].probability < 1) {
      large.pop_back();
      small.push_back(rich);
    }
  }
  // Whatever is left differs from 1 by rounding only.
  for (const size_t i : small) slots_[i].probability = 1;
  for (const size_t i : large) slots_[i].probability = 1;
}

size_t WeightedSampler::Sample(absl::BitGenRef random) const {
  MSGPROC_CHECK(!slots_.empty());
  // One draw serves both: its whole part is the slot, its fraction the coin.
  const double draw = absl::Uniform<double>(random, 0, slots_.size());
  const auto index = static_cast<size_t>(draw);
  MSGPROC_CHECK_LT(index, slots_.size());
  const Slot& slot = slots_[index];
  return draw - static_cast<double>(index) < slot.probability ? index
                                                              : slot.alias;
}

}  // namespace msgproc::balancer
