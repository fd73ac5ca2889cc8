#ifndef MSGPROC_SERVICES_BALANCER_LIVE_FLEET_EVENTS_H_
#define MSGPROC_SERVICES_BALANCER_LIVE_FLEET_EVENTS_H_

#include <deque>
#include <string>

#include "common/mutex.h"
#include "services/balancer/live/recent_events.h"
#include "services/balancer/rebalancer.h"
#include "services/balancer/server_status.h"

namespace msgproc::balancer {

// RecentEvents, told by a Fleet on whichever thread. Thread-safe.
class FleetEvents {
 public:
  void OnEvent(const RegistryEvent& event);
  void OnMove(const std::string& server_id, const MoveOrder& move);

  // The latest first.
  std::deque<RecentEvents::Event> List() const;

  // Whether an operator should look.
  static bool IsBad(RegistryEvent::Kind kind);

 private:
  mutable Mutex mutex_;
  RecentEvents recent_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_LIVE_FLEET_EVENTS_H_
