#include "services/balancer/live/fleet_events.h"

#include "common/clock.h"

namespace msgproc::balancer {

void FleetEvents::OnEvent(const RegistryEvent& event) {
  MutexLock lock(&mutex_);
  recent_.Add({.at = Clock::Monotonic()->Now(),
               .server_id = event.server_id,
               .text = event.text,
               .bad = IsBad(event.kind)});
}

void FleetEvents::OnMove(const std::string& server_id, const MoveOrder& move) {
  MutexLock lock(&mutex_);
  recent_.AddMove(server_id, move.to_server_id, move.sessions,
                  Clock::Monotonic()->Now());
}

std::deque<RecentEvents::Event> FleetEvents::List() const {
  MutexLock lock(&mutex_);
  return recent_.events();
}

bool FleetEvents::IsBad(RegistryEvent::Kind kind) {
  using Kind = RegistryEvent::Kind;
  return kind == Kind::kLeaseExpired || kind == Kind::kStreamBroken ||
         kind == Kind::kReplaced || kind == Kind::kUnhealthy ||
         kind == Kind::kFailStaticBegan || kind == Kind::kStoresDiffer;
}

}  // namespace msgproc::balancer
