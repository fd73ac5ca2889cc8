#include "benchmarks/balancer/fleet_simulation.h"

#include <algorithm>
#include <utility>

#include "absl/random/distributions.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace msgproc::balancer {
namespace {

constexpr absl::Duration kTickInterval = absl::Milliseconds(500);

}  // namespace

enum class FleetSimulation::Kind {
  kRegister,
  kReport,
  kLookUp,
  kArrive,
  kLeave,
  kTick,
};

struct FleetSimulation::Event {
  int64_t nanoseconds;
  Kind kind;
  uint32_t server;
  // Of a Kind::kLeave: where to.
  uint32_t other;
};

struct FleetSimulation::Later {
  bool operator()(const Event& a, const Event& b) const {
    return a.nanoseconds > b.nanoseconds;
  }
};

struct FleetSimulation::SimulatedServer {
  ServerReport report;
  double connect_factor = 1;
  bool up = false;
  std::vector<Registration> registrations;
};

FleetSimulation::FleetSimulation(const Options& options)
    : options_(options), random_(options.seed) {
  Fleet::Options fleet_options;
  fleet_options.policy = options.policy;
  fleet_options.rebalancer.moves_per_second = options.moves_per_second;
  fleet_options.rebalancer.arrivals_per_second = options.moves_per_second * 10;
  for (size_t i = 0; i < options.balancers; ++i) {
    balancers_.push_back(
        std::make_unique<Fleet>(fleet_options, &clock_, options.seed + i));
  }
  events_ =
      std::make_unique<std::priority_queue<Event, std::vector<Event>, Later>>();
  Schedule(kTickInterval, Kind::kTick, 0);
}

FleetSimulation::~FleetSimulation() = default;

void FleetSimulation::Schedule(absl::Duration delay, Kind kind, uint32_t server,
                               uint32_t other) {
  events_->push({absl::ToUnixNanos(clock_.Now() + delay), kind, server, other});
}

absl::Duration FleetSimulation::UpTo(absl::Duration most) {
  return absl::Uniform(random_, 0.0, 1.0) * most;
}

void FleetSimulation::AddServer(absl::Duration delay, uint64_t sessions,
                                double connect_factor, double weight) {
  const auto index = static_cast<uint32_t>(servers_.size());
  SimulatedServer server;
  server.report.server_id = absl::StrCat("server-", index);
  server.report.address = absl::StrCat("server:", index + 1);
  server.report.weight = weight;
  server.report.load.sessions = sessions;
  server.connect_factor = connect_factor;
  servers_.push_back(std::move(server));
  Schedule(delay, Kind::kRegister, index);
}

void FleetSimulation::AddSocket(absl::Duration delay) {
  Schedule(delay, Kind::kLookUp, 0);
}

void FleetSimulation::RunFor(absl::Duration duration) {
  const absl::Time end = clock_.Now() + duration;
  const int64_t end_nanoseconds = absl::ToUnixNanos(end);
  while (!events_->empty() && events_->top().nanoseconds <= end_nanoseconds) {
    const Event event = events_->top();
    events_->pop();
    clock_.Set(absl::FromUnixNanos(event.nanoseconds));
    Handle(event);
  }
  clock_.Set(end);
}

absl::Duration FleetSimulation::RunUntilWithin(double share,
                                               absl::Duration limit) {
  const absl::Time start = clock_.Now();
  while (clock_.Now() - start < limit) {
    RunFor(absl::Milliseconds(200));
    const Evenness now = Measure();
    if (now.max_over_mean <= 1 + share && now.min_over_mean >= 1 - share) break;
  }
  return clock_.Now() - start;
}

void FleetSimulation::Handle(const Event& event) {
  switch (event.kind) {
    case Kind::kRegister:
      return Register(event.server);
    case Kind::kReport:
      return SendReport(event.server);
    case Kind::kLookUp:
      return Connect();
    case Kind::kArrive:
      ++servers_[event.server].report.load.sessions;
      return;
    case Kind::kLeave:
      if (servers_[event.server].report.load.sessions == 0) return;
      --servers_[event.server].report.load.sessions;
      ++moves_;
      return Schedule(options_.connect * servers_[event.other].connect_factor,
                      Kind::kArrive, event.other);
    case Kind::kTick:
      for (const auto& balancer : balancers_) balancer->Tick();
      if (churn_ > 0) Churn();
      return Schedule(kTickInterval, Kind::kTick, 0);
  }
}

void FleetSimulation::Register(uint32_t index) {
  SimulatedServer& server = servers_[index];
  server.up = true;
  for (const auto& balancer : balancers_) {
    const auto registration = balancer->Register(server.report, nullptr);
    if (!registration.ok()) continue;
    server.registrations.push_back(*registration);
    balancer->SetHealth(server.report.address, Health::kServing);
  }
  Schedule(UpTo(balancers_[0]->lease() / 3), Kind::kReport, index);
}

void FleetSimulation::SendReport(uint32_t index) {
  SimulatedServer& server = servers_[index];
  for (size_t i = 0; i < balancers_.size(); ++i) {
    const auto orders =
        balancers_[i]->Report(server.registrations[i], server.report);
    if (i != 0 || !orders.ok()) continue;
    for (const MoveOrder& order : *orders) Obey(index, order);
  }
  Schedule(balancers_[0]->lease() / 3, Kind::kReport, index);
}

void FleetSimulation::Obey(uint32_t server, const MoveOrder& order) {
  const size_t dash = order.to_server_id.rfind('-');
  uint32_t to = 0;
  if (!absl::SimpleAtoi(order.to_server_id.substr(dash + 1), &to)) return;
  for (uint32_t i = 0; i < order.sessions; ++i) {
    Schedule(UpTo(options_.leave), Kind::kLeave, server, to);
  }
}

void FleetSimulation::Connect() {
  ++lookups_;
  const size_t balancer = absl::Uniform<size_t>(random_, 0, balancers_.size());
  const std::string key = absl::StrCat("user-", lookups_);
  const auto picked = balancers_[balancer]->Pick({key, {}}, random_);
  if (!picked.ok()) return AddSocket(UpTo(options_.retry));
  uint32_t server = 0;
  const std::string& id = picked->choice[0].server_id();
  if (!absl::SimpleAtoi(id.substr(id.rfind('-') + 1), &server)) return;
  Schedule(options_.connect * servers_[server].connect_factor, Kind::kArrive,
           server);
}

void FleetSimulation::Churn() {
  const double mean = Measure().mean;
  const double count = churn_ * absl::ToDoubleSeconds(kTickInterval);
  std::poisson_distribution<int64_t> ended(count);
  for (int64_t left = ended(random_); left > 0;) {
    const size_t server = absl::Uniform<size_t>(random_, 0, servers_.size());
    uint64_t& sessions = servers_[server].report.load.sessions;
    // Any session, so a server in proportion to its sessions.
    const double draw = absl::Uniform(random_, 0.0, 2.0) * mean;
    if (static_cast<double>(sessions) <= draw) continue;
    --left;
    --sessions;
    AddSocket(UpTo(kTickInterval));
  }
}

FleetSimulation::Evenness FleetSimulation::Measure() const {
  double total_weight = 0;
  double most = 0;
  double least = 1e18;
  for (const SimulatedServer& server : servers_) {
    if (!server.up) continue;
    const double weight = server.report.weight;
    const double relative =
        static_cast<double>(server.report.load.sessions) / weight;
    most = std::max(most, relative);
    least = std::min(least, relative);
    total_weight += weight;
  }
  Evenness evenness;
  if (total_weight == 0) return evenness;
  evenness.mean = static_cast<double>(sessions()) / total_weight;
  if (evenness.mean == 0) return evenness;
  evenness.max_over_mean = most / evenness.mean;
  evenness.min_over_mean = least / evenness.mean;
  return evenness;
}

uint64_t FleetSimulation::sessions() const {
  uint64_t total = 0;
  for (const SimulatedServer& server : servers_) {
    if (server.up) total += server.report.load.sessions;
  }
  return total;
}

uint64_t FleetSimulation::SessionsOf(size_t server) const {
  return servers_[server].report.load.sessions;
}

}  // namespace msgproc::balancer
