// A thousand servers and a million sockets in virtual time, one line a
// workload:
//   restart      all servers come back within 5 s, all sockets within 10 s
//   herd         all servers are there, all sockets come within 10 s
//   slow server  the same, and one server takes 5 s to open a socket
//   scale-up     an even fleet grows by half within 10 s
//   one joins    an even fleet gets one empty server
//   weights      half of the servers count double; all sockets come within 10 s
//   steady       an even fleet for 20 minutes, each socket living an hour
// "after" is the state when the last socket has come, "settled" the state once
// the rebalancer is done, at most 20 virtual minutes later.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "benchmarks/balancer/fleet_simulation.h"

namespace msgproc::balancer {
namespace {

constexpr int kServers = 1000;
constexpr int kSockets = 1000000;

struct Workload {
  std::string name;
  // Sets the fleet up and runs it until the last socket has come.
  std::function<void(FleetSimulation&)> run;
};

void AddSockets(FleetSimulation& fleet, absl::Duration within) {
  for (int i = 0; i < kSockets; ++i) fleet.AddSocket(within * i / kSockets);
}

void AddServers(FleetSimulation& fleet, int count, absl::Duration within,
                int sessions = 0) {
  for (int i = 0; i < count; ++i) {
    fleet.AddServer(within * i / count, sessions);
  }
}

std::vector<Workload> Workloads() {
  const auto start = [](FleetSimulation& fleet) {
    fleet.RunFor(absl::Seconds(3));
  };
  return {
      {"restart",
       [](FleetSimulation& fleet) {
         AddServers(fleet, kServers, absl::Seconds(5));
         AddSockets(fleet, absl::Seconds(10));
         fleet.RunFor(absl::Seconds(12));
       }},
      {"herd",
       [=](FleetSimulation& fleet) {
         AddServers(fleet, kServers, absl::ZeroDuration());
         start(fleet);
         AddSockets(fleet, absl::Seconds(10));
         fleet.RunFor(absl::Seconds(12));
       }},
      {"slow server",
       [=](FleetSimulation& fleet) {
         AddServers(fleet, kServers - 1, absl::ZeroDuration());
         fleet.AddServer(absl::ZeroDuration(), 0, /*connect_factor=*/100);
         start(fleet);
         AddSockets(fleet, absl::Seconds(10));
         fleet.RunFor(absl::Seconds(16));
       }},
      {"scale-up",
       [=](FleetSimulation& fleet) {
         AddServers(fleet, kServers, absl::ZeroDuration(), kSockets / kServers);
         start(fleet);
         AddServers(fleet, kServers / 2, absl::Seconds(10));
         fleet.RunFor(absl::Seconds(10));
       }},
      {"one joins",
       [=](FleetSimulation& fleet) {
         AddServers(fleet, kServers, absl::ZeroDuration(), kSockets / kServers);
         start(fleet);
         fleet.AddServer(absl::ZeroDuration());
         fleet.RunFor(absl::Seconds(1));
       }},
      {"weights",
       [=](FleetSimulation& fleet) {
         for (int i = 0; i < kServers; ++i) {
           fleet.AddServer(absl::ZeroDuration(), 0, 1, 1 + i % 2);
         }
         start(fleet);
         AddSockets(fleet, absl::Seconds(10));
         fleet.RunFor(absl::Seconds(12));
       }},
      {"steady",
       [=](FleetSimulation& fleet) {
         AddServers(fleet, kServers, absl::ZeroDuration(), kSockets / kServers);
         fleet.SetChurn(kSockets / 3600.0);
         fleet.RunFor(absl::Minutes(20));
         fleet.SetChurn(0);
       }},
  };
}

void Run(const Workload& workload, PolicyKind policy, size_t balancers) {
  const auto start = std::chrono::steady_clock::now();
  FleetSimulation::Options options;
  options.policy = policy;
  options.balancers = balancers;
  FleetSimulation fleet(options);
  workload.run(fleet);
  const auto after = fleet.Measure();
  // Under consistent_hash nothing is moved, so nothing becomes even.
  std::string time = "never";
  if (policy != PolicyKind::kConsistentHash) {
    const absl::Duration even = fleet.RunUntilWithin(0.10, absl::Minutes(20));
    time = std::to_string(std::lround(absl::ToDoubleSeconds(even))) + " s";
  }
  fleet.RunFor(absl::Seconds(30));
  const auto settled = fleet.Measure();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  std::printf(
      "| %-11s | %-15s | %9zu | %8.3f | %8.3f | %10s | %8.3f | %8.3f | "
      "%10.4f | %6.1f s |\n",
      workload.name.c_str(), std::string(PolicyName(policy)).c_str(), balancers,
      after.max_over_mean, after.min_over_mean, time.c_str(),
      settled.max_over_mean, settled.min_over_mean,
      static_cast<double>(fleet.moves()) / kSockets, seconds);
  std::fflush(stdout);
}

}  // namespace
}  // namespace msgproc::balancer

int main() {
  using msgproc::balancer::PolicyKind;
  std::printf(
      "| workload    | policy          | balancers | after:   |          | "
      "within     | settled: |          | moves per  | real    |\n"
      "|             |                 |           | max/mean | min/mean | "
      "10%% after  | max/mean | min/mean | socket     | time    |\n"
      "|-------------|-----------------|-----------|----------|----------|-"
      "-----------|----------|----------|------------|---------|\n");
  const auto workloads = msgproc::balancer::Workloads();
  for (const auto& workload : workloads) {
    Run(workload, PolicyKind::kLeastSessions, 1);
  }
  for (const auto& workload : workloads) {
    if (workload.name == "restart" || workload.name == "herd") {
      Run(workload, PolicyKind::kLeastSessions, 3);
    }
  }
  for (const PolicyKind policy : {PolicyKind::kRoundRobin, PolicyKind::kRandom,
                                  PolicyKind::kConsistentHash}) {
    for (const auto& workload : workloads) {
      if (workload.name == "restart" || workload.name == "herd") {
        Run(workload, policy, 1);
      }
    }
  }
}
