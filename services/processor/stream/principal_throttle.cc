#include "services/processor/stream/principal_throttle.h"

#include <iterator>
#include <utility>

namespace msgproc::processor {

absl::optional<uint64_t> PrincipalThrottle::Admit(absl::string_view who,
                                                  absl::Time now) {
  Line* const line = LineOf(who, now);
  if (now < line->next) {
    ++line->suppressed;
    return absl::nullopt;
  }
  line->next = now + kInterval;
  return std::exchange(line->suppressed, 0);
}

PrincipalThrottle::Line* PrincipalThrottle::LineOf(absl::string_view who,
                                                   absl::Time now) {
  const auto found = lines_.find(who);
  if (found != lines_.end()) return &found->second;
  if (lines_.size() >= known_) Forget(now);
  if (lines_.size() >= known_) return &others_;
  return &lines_[std::string(who)];
}

void PrincipalThrottle::Forget(absl::Time now) {
  for (auto it = lines_.begin(); it != lines_.end();) {
    const Line& line = it->second;
    if (now < line.next) {
      ++it;
      continue;
    }
    others_.suppressed += line.suppressed;
    it = lines_.erase(it);
  }
}

}  // namespace msgproc::processor
