#ifndef MSGPROC_TESTS_SIMULATION_RANDOM_H_
#define MSGPROC_TESTS_SIMULATION_RANDOM_H_

#include <cmath>
#include <cstdint>

#include "absl/time/time.h"
#include "common/check.h"
#include "common/split_mix.h"

namespace msgproc::simulation {

// Numbers that a seed determines on every machine (SplitMix64, Steele, Lea,
// Flood 2014).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() { return SplitMix64(&state_); }
  uint64_t Below(uint64_t bound) {
    MSGPROC_CHECK_GT(bound, 0u);
    return Next() % bound;
  }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  // Below 1.
  double Fraction() { return static_cast<double>(Next() >> 11) * 0x1p-53; }
  absl::Duration UpTo(absl::Duration longest) { return Fraction() * longest; }
  // Of exponentially distributed times: of what happens at random.
  absl::Duration About(absl::Duration mean) {
    return -std::log(1 - Fraction()) * mean;
  }
  // Another one, for a part that may draw as it likes.
  Random Fork() { return Random(Next()); }

 private:
  uint64_t state_;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_RANDOM_H_
