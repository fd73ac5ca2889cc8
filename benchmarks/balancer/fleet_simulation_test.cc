#include "benchmarks/balancer/fleet_simulation.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace msgproc::balancer {
namespace {

constexpr int kServers = 60;
constexpr int kSockets = 30000;

void AddServers(FleetSimulation& fleet, int count, int sessions = 0) {
  for (int i = 0; i < count; ++i) {
    fleet.AddServer(absl::ZeroDuration(), sessions);
  }
}

void AddHerd(FleetSimulation& fleet) {
  for (int i = 0; i < kSockets; ++i) {
    fleet.AddSocket(absl::Seconds(10) * i / kSockets);
  }
}

TEST(FleetSimulationTest, AHerdSpreadsEvenlyAlmostWithoutAMove) {
  FleetSimulation fleet({});
  AddServers(fleet, kServers);
  fleet.RunFor(absl::Seconds(3));
  AddHerd(fleet);
  fleet.RunFor(absl::Seconds(60));
  EXPECT_EQ(fleet.sessions(), static_cast<uint64_t>(kSockets));
  EXPECT_LT(fleet.Measure().max_over_mean, 1.05);
  EXPECT_LT(fleet.moves(), kSockets / 1000);
}

TEST(FleetSimulationTest, BalancersThatShareNothingSpreadAHerdTogether) {
  FleetSimulation fleet({.balancers = 3});
  AddServers(fleet, kServers);
  fleet.RunFor(absl::Seconds(3));
  AddHerd(fleet);
  fleet.RunFor(absl::Seconds(12));
  EXPECT_LT(fleet.Measure().max_over_mean, 1.25);
}

TEST(FleetSimulationTest, AFleetGrownByHalfIsEvenAfterAboutTheFewestMoves) {
  FleetSimulation fleet({});
  AddServers(fleet, kServers, kSockets / kServers);
  fleet.RunFor(absl::Seconds(3));
  AddServers(fleet, kServers / 2);
  EXPECT_LT(fleet.RunUntilWithin(0.1, absl::Minutes(5)), absl::Minutes(1));
  fleet.RunFor(absl::Minutes(2));
  EXPECT_EQ(fleet.sessions(), static_cast<uint64_t>(kSockets));
  // A third of the sockets has to move.
  EXPECT_LT(fleet.moves(), kSockets * 0.36);
  const uint64_t moves = fleet.moves();
  fleet.RunFor(absl::Minutes(10));
  EXPECT_EQ(fleet.moves(), moves);
}

TEST(FleetSimulationTest, ASlowServerIsNotBuriedAndIsEvenedOut) {
  FleetSimulation fleet({});
  AddServers(fleet, kServers - 1);
  fleet.AddServer(absl::ZeroDuration(), 0, /*connect_factor=*/100);
  fleet.RunFor(absl::Seconds(3));
  AddHerd(fleet);
  fleet.RunFor(absl::Seconds(20));
  const uint64_t mean = kSockets / kServers;
  EXPECT_LT(fleet.SessionsOf(kServers - 1), 2 * mean);
  fleet.RunUntilWithin(0.1, absl::Minutes(10));
  EXPECT_LT(fleet.SessionsOf(kServers - 1), mean * 1.1 + 1);
}

TEST(FleetSimulationTest, SocketsThatComeAndGoCauseHardlyAnyMoves) {
  FleetSimulation fleet({});
  AddServers(fleet, kServers, kSockets / kServers);
  fleet.SetChurn(kSockets / 600.0);
  fleet.RunFor(absl::Minutes(10));
  EXPECT_LT(fleet.moves(), kSockets * 0.005);
  EXPECT_LT(fleet.Measure().max_over_mean, 1.1);
}

TEST(FleetSimulationTest, IsTheSameForTheSameSeed) {
  const auto run = [] {
    FleetSimulation fleet({.balancers = 2, .seed = 7});
    AddServers(fleet, 10);
    AddHerd(fleet);
    fleet.RunFor(absl::Seconds(30));
    return fleet.SessionsOf(3);
  };
  EXPECT_EQ(run(), run());
}

}  // namespace
}  // namespace msgproc::balancer
