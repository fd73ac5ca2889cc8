#ifndef MSGPROC_SERVICES_BALANCER_WEIGHTED_SAMPLER_H_
#define MSGPROC_SERVICES_BALANCER_WEIGHTED_SAMPLER_H_

#include <cstddef>
#include <vector>

#include "absl/random/bit_gen_ref.h"

namespace msgproc::balancer {

// Draws indices with probability proportional to their weight, in constant
// time: the alias method (Walker 1977, built as in Vose, "A linear algorithm
// for generating random numbers with a given distribution", 1991). Immutable
// once made; thread-safe.
class WeightedSampler {
 public:
  // Every weight is positive. Takes time linear in their number.
  explicit WeightedSampler(const std::vector<double>& weights);

  // There must be at least one weight.
  size_t Sample(absl::BitGenRef random) const;

  size_t size() const { return slots_.size(); }

 private:
  // Either the slot itself, with this probability, or its alias.
  struct Slot {
    double probability;
    size_t alias;
  };
  std::vector<Slot> slots_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_WEIGHTED_SAMPLER_H_
