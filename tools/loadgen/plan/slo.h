#ifndef MSGPROC_TOOLS_LOADGEN_PLAN_SLO_H_
#define MSGPROC_TOOLS_LOADGEN_PLAN_SLO_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace msgproc::loadgen {

// One service level objective: a figure of the report and its bound, as in
// "p99<5ms", "throughput>=100k", "failed<=0".
struct Objective {
  enum class Unit { kNanoseconds, kPerSecond, kCount };
  enum class Comparison { kLess, kAtMost, kGreater, kAtLeast, kEqual };

  std::string text;     // As it was written.
  std::string figure;   // "p99", "throughput", ...
  double quantile = 0;  // 0 to 1, of a latency percentile; otherwise unused.
  bool is_percentile = false;
  Comparison comparison = Comparison::kLess;
  Unit unit = Unit::kCount;
  double bound = 0;  // In `unit`.

  // Whether a figure of `value` (in `unit`) keeps the objective.
  bool Holds(double value) const;
};

// Parses a comma-separated list; empty gives none. Figures:
//   p50, p90, p99, p99.9 or p999, p99.99 or p9999, any pN[.N]; max, mean
//                              latency, a time: 5ms, 250us, 1.5s
//   lateness                   p99 of the generator's own lateness, a time
//   longest_interruption       a time
//   throughput                 answers a second: 100000, 100k, 1.5M
//   messages, answered, failed, lost, unsent, duplicated, wrong, interruptions
//                              a count
// INVALID_ARGUMENT says which objective was wrong and how to write it.
absl::StatusOr<std::vector<Objective>> ParseObjectives(absl::string_view text);

// What became of an objective.
struct ObjectiveResult {
  Objective objective;
  double value = 0;
  bool held = false;
};

// Looks every figure up with `figure` (value in the objective's unit).
std::vector<ObjectiveResult> Evaluate(
    const std::vector<Objective>& objectives,
    const std::function<double(const Objective&)>& figure);

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_PLAN_SLO_H_
