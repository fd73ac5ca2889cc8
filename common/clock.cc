#include "common/clock.h"

#include <chrono>

namespace msgproc {
namespace {

class MonotonicClock final : public Clock {
 public:
  absl::Time Now() const override {
    return absl::UnixEpoch() +
           absl::FromChrono(
               std::chrono::steady_clock::now().time_since_epoch());
  }
};

}  // namespace

const Clock* Clock::Monotonic() {
  // Never destroyed: what runs while the process exits asks for the time too.
  static const auto* const clock = new MonotonicClock;
  return clock;
}

}  // namespace msgproc
