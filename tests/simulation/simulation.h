#ifndef MSGPROC_TESTS_SIMULATION_SIMULATION_H_
#define MSGPROC_TESTS_SIMULATION_SIMULATION_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "tests/simulation/conditions.h"

namespace msgproc::simulation {

// What a run has come to.
struct Report {
  // The rule that was broken, and how; empty: none.
  std::string violation;
  // What happened before, for people.
  std::string story;
  // The same for the same conditions, always.
  uint64_t fingerprint = 0;
  uint64_t messages = 0;  // With results.
  uint64_t handled = 0;
  uint64_t events = 0;
  absl::Duration passed;  // Virtual.

  bool ok() const { return violation.empty(); }
};

// Runs a fleet under these conditions until everything is answered, or should
// have been.
Report Simulate(const Conditions& conditions);

// The smallest conditions that it finds by leaving things out under which a
// rule is still broken. `conditions` break one.
Conditions Shrink(Conditions conditions);

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_SIMULATION_H_
