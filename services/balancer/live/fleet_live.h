#ifndef MSGPROC_SERVICES_BALANCER_LIVE_FLEET_LIVE_H_
#define MSGPROC_SERVICES_BALANCER_LIVE_FLEET_LIVE_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "services/balancer/live/fleet_events.h"
#include "services/balancer/server_lookup.h"
#include "services/base/live/json_writer.h"
#include "services/base/live/live_feed.h"
#include "services/base/live/metric_history.h"
#include "services/base/vitals_meter.h"

namespace msgproc::balancer {

// What a balancer's live page shows: its fleet, by the servers' last reports,
// and its own look-ups. Numbers are those of /metrics. Thread-safe but for
// Read, which is the feed's thread's.
class FleetLive {
 public:
  struct Sources {
    const ServerLookup* lookup = nullptr;
    const FleetEvents* events = nullptr;
    base::VitalsMeter* vitals = nullptr;
    // Where clients come in.
    std::string address;
  };
  // All of it outlives this.
  explicit FleetLive(Sources sources);

  // Servers report about as often as they are sampled.
  static base::LiveFeed::Options FeedOptions();
  base::MetricHistory::Sample Read();

  void WriteFacts(base::JsonWriter* json) const;

 private:
  const Sources sources_;
  const absl::Time begun_;

  // The feed's thread's.
  absl::Time read_at_;
  uint64_t lookups_ = 0;
  uint64_t moves_ = 0;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_LIVE_FLEET_LIVE_H_
