#include "services/base/stall_watch.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace msgproc::base {

StallWatch::Pulse* StallWatch::Watch(std::string name) {
  MSGPROC_CHECK(!name.empty());
  auto pulse = std::make_unique<Pulse>();
  pulse->name_ = std::move(name);
  MutexLock lock(&mutex_);
  return pulses_.emplace_back(std::move(pulse)).get();
}

void StallWatch::Look(absl::Time now) {
  MutexLock lock(&mutex_);
  const absl::Duration passed =
      std::clamp(now - last_look_, absl::ZeroDuration(), 2 * interval_);
  last_look_ = now;
  for (const auto& pulse : pulses_) {
    const uint64_t beats = pulse->beats_.load(std::memory_order_relaxed);
    const bool moved = std::exchange(pulse->seen_, beats) != beats;
    pulse->silence_ = moved ? absl::ZeroDuration() : pulse->silence_ + passed;
  }
}

std::vector<StallWatch::Stall> StallWatch::stalls() const {
  std::vector<Stall> stalls;
  MutexLock lock(&mutex_);
  for (const auto& pulse : pulses_) {
    if (pulse->retired_.load(std::memory_order_relaxed)) continue;
    stalls.push_back({pulse->name_, pulse->silence_});
  }
  return stalls;
}

StallWatch::Stall StallWatch::longest() const {
  Stall longest;
  for (Stall& stall : stalls()) {
    if (stall.silence > longest.silence) longest = std::move(stall);
  }
  return longest;
}

}  // namespace msgproc::base
