#ifndef MSGPROC_BENCHMARKS_BALANCER_FLEET_SIMULATION_H_
#define MSGPROC_BENCHMARKS_BALANCER_FLEET_SIMULATION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/clock.h"
#include "services/balancer/fleet.h"

namespace msgproc::balancer {

// A clock that the simulation sets. Not thread-safe.
class VirtualClock final : public Clock {
 public:
  absl::Time Now() const override { return now_; }
  void Set(absl::Time now) { now_ = now; }

 private:
  absl::Time now_ = absl::UnixEpoch() + absl::Hours(1000);
};

// A fleet of servers, its sockets and its balancers in virtual time. The
// balancers are the real ones (Fleet: registry, policy and rebalancer);
// servers, clients and the network are made up: an exchange takes `connect` to
// become a session, a moved session is nowhere for as long, and servers report
// every third of a lease. Deterministic for a seed; one thread.
class FleetSimulation {
 public:
  struct Options {
    PolicyKind policy = PolicyKind::kLeastSessions;
    // Clients ask any of them; servers obey the first.
    size_t balancers = 1;
    uint64_t seed = 1;
    absl::Duration connect = absl::Milliseconds(50);
    // The longest that a session which is told to move takes to leave.
    absl::Duration leave = absl::Milliseconds(500);
    // Clients that find no server try again after up to this.
    absl::Duration retry = absl::Seconds(1);
    double moves_per_second = 5;
  };

  // The state of the fleet, over the servers that are up.
  struct Evenness {
    double mean = 0;
    double max_over_mean = 0;
    double min_over_mean = 0;
  };

  explicit FleetSimulation(const Options& options);
  ~FleetSimulation();

  // Servers that register after `delay`, with sessions already on them.
  // `connect_factor` multiplies the time that their sockets take to open.
  void AddServer(absl::Duration delay, uint64_t sessions = 0,
                 double connect_factor = 1, double weight = 1);
  // A socket that looks for a server after `delay`.
  void AddSocket(absl::Duration delay);
  // A session of any server ends and its client looks for a server again, this
  // often a second.
  void SetChurn(double sockets_per_second) { churn_ = sockets_per_second; }

  void RunFor(absl::Duration duration);
  // Until every server is within `share` of even; the time it took, at most
  // `limit`.
  absl::Duration RunUntilWithin(double share, absl::Duration limit);

  Evenness Measure() const;
  uint64_t sessions() const;
  uint64_t moves() const { return moves_; }
  uint64_t lookups() const { return lookups_; }
  uint64_t SessionsOf(size_t server) const;

 private:
  enum class Kind;
  struct Event;
  struct Later;
  struct SimulatedServer;

  void Schedule(absl::Duration delay, Kind kind, uint32_t server,
                uint32_t other = 0);
  void Handle(const Event& event);
  void Register(uint32_t index);
  void SendReport(uint32_t index);
  void Connect();
  void Obey(uint32_t server, const MoveOrder& order);
  void Churn();
  absl::Duration UpTo(absl::Duration most);

  const Options options_;
  VirtualClock clock_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<Fleet>> balancers_;
  std::vector<SimulatedServer> servers_;
  std::unique_ptr<std::priority_queue<Event, std::vector<Event>, Later>>
      events_;
  double churn_ = 0;
  uint64_t moves_ = 0;
  uint64_t lookups_ = 0;
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_BENCHMARKS_BALANCER_FLEET_SIMULATION_H_
