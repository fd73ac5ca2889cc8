#ifndef MSGPROC_SERVICES_BALANCER_SERVER_LOOKUP_H_
#define MSGPROC_SERVICES_BALANCER_SERVER_LOOKUP_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "msgproc/v1/balancer.pb.h"
#include "services/balancer/fleet.h"
#include "services/balancer/lookup_zone.h"
#include "services/base/atomic_histogram.h"
#include "services/base/sharded_counter.h"

namespace msgproc::balancer {

// Answers GetServer and ListServers, over gRPC and over HTTP alike, and counts.
// Thread-safe.
class ServerLookup {
 public:
  static constexpr size_t kMaxAffinityKeyBytes = 1024;
  static constexpr int kMaxExcluded = 64;

  // `fleet` outlives it.
  explicit ServerLookup(Fleet* fleet);

  // INVALID_ARGUMENT when a field is over its bound, UNAVAILABLE when there is
  // no server.
  absl::Status GetServer(const v1::GetServerRequest& request,
                         v1::GetServerResponse* response);

  void ListServers(v1::ListServersResponse* response) const;

  Fleet& fleet() const { return *fleet_; }

  // Look-ups by their result; those that were given a server also by its zone.
  uint64_t found() const {
    uint64_t all = 0;
    for (const base::ShardedCounter& of_zone : found_) all += of_zone.Value();
    return all;
  }
  uint64_t found(LookupZone zone) const {
    return found_[static_cast<size_t>(zone)].Value();
  }
  uint64_t none() const { return none_.Value(); }
  uint64_t invalid() const { return invalid_.Value(); }
  base::HistogramSnapshot seconds() const { return seconds_.Snapshot(); }

 private:
  Fleet* const fleet_;
  // By LookupZone.
  std::array<base::ShardedCounter, kLookupZones> found_;
  base::ShardedCounter none_;
  base::ShardedCounter invalid_;
  base::AtomicHistogram seconds_;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_SERVER_LOOKUP_H_
