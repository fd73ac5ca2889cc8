#include "common/clock.h"

#include <chrono>

namespace msgproc {
namespace {

const Clock* replacement = nullptr;

class MonotonicClock final : public Clock {
 public:
  absl::Time Now() const override {
    if (replacement != nullptr) return replacement->Now();
    return absl::UnixEpoch() +
           absl::FromChrono(
               std::chrono::steady_clock::now().time_since_epoch());
  }
};

}  // namespace

void Clock::ReplaceMonotonic(const Clock* clock) { replacement = clock; }

const Clock* Clock::Monotonic() {
  // Never destroyed: what runs while the process exits asks for the time too.
  static const auto* const clock = new MonotonicClock;
  return clock;
}

}  // namespace msgproc
