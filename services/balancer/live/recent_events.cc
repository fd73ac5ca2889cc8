#include "services/balancer/live/recent_events.h"

#include <algorithm>
#include <utility>

namespace msgproc::balancer {

void RecentEvents::Add(Event event) {
  events_.push_front(std::move(event));
  if (events_.size() > kMost) events_.pop_back();
}

void RecentEvents::AddMove(const std::string& from, const std::string& to,
                           uint64_t sessions, absl::Time now) {
  Event move;
  const auto same =
      std::find_if(events_.begin(), events_.end(), [&](const Event& event) {
        return event.text.empty() && event.server_id == from &&
               event.to_server_id == to && now - event.at <= kTogether;
      });
  if (same != events_.end()) {
    move = *same;
    events_.erase(same);
  }
  move.at = now;
  move.server_id = from;
  move.to_server_id = to;
  move.sessions += sessions;
  Add(std::move(move));
}

}  // namespace msgproc::balancer
