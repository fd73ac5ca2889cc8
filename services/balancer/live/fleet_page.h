#ifndef MSGPROC_SERVICES_BALANCER_LIVE_FLEET_PAGE_H_
#define MSGPROC_SERVICES_BALANCER_LIVE_FLEET_PAGE_H_

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/balancer/live/recent_events.h"
#include "services/balancer/server_status.h"
#include "services/base/live/json_writer.h"
#include "services/base/live/metric_history.h"

namespace msgproc::balancer {

// What the live page of a balancer shows of its servers. All of it is pure.

// Servers on the page; `msgproc servers` lists all.
inline constexpr size_t kMostShown = 200;

// Those that are to be looked at first come first: unhealthy ones, those that
// vanished, those that drain, and then the others; alike ones by name. At most
// kMostShown.
std::vector<ServerStatus> ToShow(std::vector<ServerStatus> all);

// What is sampled of each server, and what of the fleet; their sums and, of
// latency and CPU, the worst. The fleet's subject is "", and `rates` are its.
struct FleetRates {
  double lookups_per_second = 0;
  double moves_per_second = 0;
};
std::vector<std::string> FleetFigures();
base::MetricHistory::Sample FleetSample(const std::vector<ServerStatus>& all,
                                        const FleetRates& rates);

// Arrays of objects; what is not known is left out.
void WriteServers(const std::vector<ServerStatus>& servers,
                  base::JsonWriter* json);
void WriteEvents(const std::deque<RecentEvents::Event>& events, absl::Time now,
                 base::JsonWriter* json);

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_LIVE_FLEET_PAGE_H_
