#ifndef MSGPROC_SERVICES_BALANCER_LIVE_RECENT_EVENTS_H_
#define MSGPROC_SERVICES_BALANCER_LIVE_RECENT_EVENTS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/time/time.h"

namespace msgproc::balancer {

// What has happened to a fleet lately: who came and went, and who was told to
// give sessions to whom. Bounded. Pure; not thread-safe.
class RecentEvents {
 public:
  struct Event {
    absl::Time at;
    // Empty: of the fleet as a whole.
    std::string server_id;
    // What happened, for people; empty: a move.
    std::string text;
    bool bad = false;
    // Of a move: where to, and how many sessions.
    std::string to_server_id;
    uint64_t sessions = 0;
  };

  static constexpr size_t kMost = 50;
  // Moves between the same two servers are one for as long as they follow each
  // other at such a distance, at most.
  static constexpr absl::Duration kTogether = absl::Seconds(15);

  void Add(Event event);
  void AddMove(const std::string& from, const std::string& to,
               uint64_t sessions, absl::Time now);

  // The latest first. Of moves that became one the time of the last.
  const std::deque<Event>& events() const { return events_; }

 private:
  std::deque<Event> events_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_LIVE_RECENT_EVENTS_H_
