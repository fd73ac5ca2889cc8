#ifndef MSGPROC_TESTS_SIMULATION_BALANCER_H_
#define MSGPROC_TESTS_SIMULATION_BALANCER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "msgproc/v1/balancer.pb.h"
#include "services/balancer/fleet.h"
#include "services/balancer/server_report.h"
#include "tests/simulation/host.h"

namespace msgproc::simulation {

struct World;

// A balancer: the product's Fleet, with the look-ups, the health checks and the
// ticker that Server has around it.
class Balancer {
 public:
  Balancer(World* world, std::string name);

  const std::string& name() const { return name_; }
  Host* host() { return &host_; }
  void Kill();
  void Start();

  // What gRPC brings. UNAVAILABLE: it is not there.
  absl::Status GetServer(const v1::GetServerRequest& request,
                         v1::GetServerResponse* response);
  // `on_end`: as of Fleet. The registration holds as long as this process.
  absl::StatusOr<balancer::Registration> Register(
      const balancer::ServerReport& report, std::function<void()> on_end);
  absl::StatusOr<std::vector<balancer::MoveOrder>> Report(
      const balancer::Registration& registration,
      const balancer::ServerReport& report);
  // The registration's stream ended, in order or not.
  void Leave(const balancer::Registration& registration, bool in_order);
  // Counts up with each life: what was registered before is not there.
  uint64_t life() const { return life_; }

 private:
  void Tick();
  void CheckHealth(const std::string& address);
  void Heard(const balancer::ServerReport& report);

  World* const world_;
  const std::string name_;
  Host host_;
  uint64_t life_ = 0;
  std::mt19937_64 random_;
  std::unique_ptr<balancer::Fleet> fleet_;
};

}  // namespace msgproc::simulation

#endif  // MSGPROC_TESTS_SIMULATION_BALANCER_H_
