#ifndef MSGPROC_SERVICES_BASE_TESTING_EVENTUALLY_H_
#define MSGPROC_SERVICES_BASE_TESTING_EVENTUALLY_H_

#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace msgproc::base {

// Whether `condition` comes true, looked at every millisecond until `timeout`:
// for what another thread or process brings about.
template <typename Condition>
bool Eventually(const Condition& condition,
                absl::Duration timeout = absl::Seconds(20)) {
  const auto now = std::chrono::steady_clock::now;
  const auto deadline = now() + absl::ToChronoNanoseconds(timeout);
  while (!condition()) {
    if (now() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_TESTING_EVENTUALLY_H_
