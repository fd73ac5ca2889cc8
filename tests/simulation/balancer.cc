#include "tests/simulation/balancer.h"

#include <cstddef>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/balancer/wire_conversions.h"
#include "tests/simulation/processor.h"
#include "tests/simulation/world.h"

namespace msgproc::simulation {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);
constexpr absl::Duration kLease = absl::Seconds(3);
constexpr absl::Duration kHealthTimeout = absl::Seconds(1);

}  // namespace

Balancer::Balancer(World* world, std::string name)
    : world_(world),
      name_(std::move(name)),
      host_(&world->loop),
      random_(world->random.Next()) {
  Start();
}

void Balancer::Start() {
  host_.Start();
  ++life_;
  world_->fleet_checker.OnBalancerStarted(name_);
  balancer::Fleet::Options options;
  options.registry.lease = kLease;
  // Few clients are to be moved, too.
  options.rebalancer.tolerated_sessions = 0.4;
  options.on_event = [this](const balancer::RegistryEvent& event) {
    world_->story.Tell(name_, "says ", event.server_id, " ", event.text);
  };
  fleet_ = std::make_unique<balancer::Fleet>(
      std::move(options), world_->loop.clock(), world_->random.Next());
  Tick();
}

void Balancer::Kill() {
  world_->story.Tell(name_, "is killed");
  host_.Die();
  fleet_ = nullptr;
}

void Balancer::Tick() {
  fleet_->Tick();
  for (const auto& [address, check] : fleet_->AddressesToCheck()) {
    CheckHealth(address);
  }
  host_.After(kTick, [this] { Tick(); });
}

void Balancer::CheckHealth(const std::string& address) {
  Processor* const processor = world_->FindProcessor(address);
  const bool blocked = world_->network.Blocked(name_, address) ||
                       world_->network.Blocked(address, name_) ||
                       processor->host()->frozen();
  if (blocked) {
    host_.After(kHealthTimeout, [this, address] {
      fleet_->SetHealth(address, balancer::Health::kUnreachable);
    });
    return;
  }
  host_.After(2 * world_->network.Latency(), [this, address, processor] {
    const auto health = !processor->listens() ? balancer::Health::kRefused
                                              : balancer::Health::kServing;
    fleet_->SetHealth(address, health);
  });
}

absl::Status Balancer::GetServer(const v1::GetServerRequest& request,
                                 v1::GetServerResponse* response) {
  if (!host_.alive()) return absl::UnavailableError("connection refused");
  const std::vector<absl::string_view> exclude(request.exclude().begin(),
                                               request.exclude().end());
  const auto picked = fleet_->Pick({request.affinity_key(), exclude}, random_);
  if (!picked.ok()) {
    world_->fleet_checker.OnNothingPicked(name_);
    return picked.status();
  }
  std::vector<std::string> servers;
  for (size_t i = 0; i < picked->choice.size(); ++i) {
    servers.push_back(picked->choice[i].address());
  }
  world_->fleet_checker.OnPicked(
      name_, servers, {request.exclude().begin(), request.exclude().end()});
  ToProto(picked->choice[0], response->mutable_server());
  for (size_t i = 1; i < picked->choice.size(); ++i) {
    ToProto(picked->choice[i], response->add_alternatives());
  }
  return absl::OkStatus();
}

absl::StatusOr<balancer::Registration> Balancer::Register(
    const balancer::ServerReport& report, std::function<void()> on_end) {
  if (!host_.alive()) return absl::UnavailableError("connection refused");
  auto registered = fleet_->Register(
      report, [on_end = std::move(on_end)](const absl::Status&) { on_end(); });
  if (registered.ok()) {
    world_->fleet_checker.OnRegistered(name_, report.address);
    Heard(report);
  }
  return registered;
}

absl::StatusOr<std::vector<balancer::MoveOrder>> Balancer::Report(
    const balancer::Registration& registration,
    const balancer::ServerReport& report) {
  auto orders = fleet_->Report(registration, report);
  if (!orders.ok()) return orders;
  Heard(report);
  for (const balancer::MoveOrder& order : *orders) {
    world_->fleet_checker.OnMoveOrder(name_, report.server_id, order.to_address,
                                      order.sessions);
  }
  return orders;
}

void Balancer::Heard(const balancer::ServerReport& report) {
  world_->fleet_checker.OnReport(name_, report.address, report.draining,
                                 report.load.sessions);
}

void Balancer::Leave(const balancer::Registration& registration,
                     bool in_order) {
  world_->fleet_checker.OnUnregistered(name_, registration.server_id, in_order);
  in_order ? fleet_->Leave(registration) : fleet_->Lose(registration);
}

}  // namespace msgproc::simulation
