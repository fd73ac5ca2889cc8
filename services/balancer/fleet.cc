#include "services/balancer/fleet.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace msgproc::balancer {
namespace {

Rebalancer::Options RebalancerOptions(const Fleet::Options& options) {
  Rebalancer::Options rebalancer = options.rebalancer;
  rebalancer.report_interval = options.registry.lease / 3;
  // A moved socket would go to another server than its key.
  if (options.policy == PolicyKind::kConsistentHash) {
    rebalancer.moves_per_second = 0;
  }
  return rebalancer;
}

}  // namespace

Fleet::Fleet(Options options, const Clock* clock, uint64_t seed)
    : options_(std::move(options)),
      clock_(clock),
      registry_(options_.registry, clock),
      rebalancer_(RebalancerOptions(options_), clock),
      random_(seed) {
  MutexLock lock(&mutex_);
  Rebuild();
}

// Behind whoever let go of it last: gRPC's shutdown says so only where
// ThreadSanitizer does not look.
Fleet::~Fleet() { const MutexLock lock(&mutex_); }

bool Fleet::IsStale() const {
  return version_.load(std::memory_order_relaxed) !=
         built_version_.load(std::memory_order_acquire);
}

std::shared_ptr<const PickPolicy> Fleet::policy_now() const {
  MutexLock lock(&policy_mutex_);
  return policy_;
}

absl::StatusOr<Fleet::Picked> Fleet::Pick(const PickRequest& request,
                                          absl::BitGenRef random) {
  if (IsStale() && mutex_.TryLock()) {
    RebuildIfDue();
    mutex_.Unlock();
  }
  Picked picked;
  picked.policy = policy_now();
  MSGPROC_CHECK(picked.policy != nullptr);
  picked.choice = picked.policy->Pick(request, random);
  if (picked.choice.empty()) {
    if (IsStale()) {
      MutexLock lock(&mutex_);
      Rebuild();
    }
    // Built by us, or by another pick since ours began.
    std::shared_ptr<const PickPolicy> newer = policy_now();
    if (newer != picked.policy) {
      picked.policy = std::move(newer);
      picked.choice = picked.policy->Pick(request, random);
    }
  }
  if (picked.choice.empty()) return NoServer();
  return picked;
}

absl::Status Fleet::NoServer() const {
  const ServerCounts now = counts();
  const size_t draining = now[static_cast<size_t>(ServerState::kDraining)];
  const size_t unhealthy = now[static_cast<size_t>(ServerState::kUnhealthy)];
  if (draining + unhealthy == 0) {
    return absl::UnavailableError(
        "no server: none is registered with this balancer");
  }
  return absl::UnavailableError(absl::StrCat(
      "no server: of those known, ", draining, " are draining or cordoned and ",
      unhealthy, " do not answer their health check"));
}

absl::Status Fleet::AddStatic(const std::string& address) {
  Aftermath aftermath;
  absl::Status status;
  {
    MutexLock lock(&mutex_);
    status = registry_.AddStatic(address);
    aftermath = Conclude();
  }
  Tell(std::move(aftermath));
  return status;
}

absl::StatusOr<Registration> Fleet::Register(const ServerReport& report,
                                             OnEnd on_end, OnOrder on_order) {
  Aftermath aftermath;
  Registration registration;
  {
    MutexLock lock(&mutex_);
    auto registered = registry_.Register(report);
    if (!registered.ok()) return registered.status();
    registration = registered->registration;
    // What the former one reported says nothing of this one, which gives and
    // takes once it is found serving.
    rebalancer_.Remove(report.server_id);
    MSGPROC_CHECK_NE(registration.generation, 0U);
    MSGPROC_CHECK(!holders_.contains(registration.generation));
    holders_[registration.generation] = {std::move(on_end),
                                         std::move(on_order)};
    aftermath = Conclude();
    if (registered->replaced.has_value()) {
      aftermath.ended.emplace_back(
          TakeOnEnd(*registered->replaced),
          absl::AbortedError(absl::StrCat(
              report.server_id, " was registered again, from ", report.address,
              "; if that is another processor, give each its own "
              "server_id")));
    }
  }
  Tell(std::move(aftermath));
  return registration;
}

absl::StatusOr<std::vector<MoveOrder>> Fleet::Report(
    const Registration& registration, const ServerReport& report) {
  Aftermath aftermath;
  std::vector<MoveOrder> orders;
  {
    MutexLock lock(&mutex_);
    if (absl::Status status = registry_.Report(registration, report);
        !status.ok()) {
      return status;
    }
    aftermath = Conclude();
    if (rebalancer_.Contains(report.server_id)) {
      rebalancer_.Update(report.server_id, report.address, report.weight,
                         report.load.sessions, report.locality);
      while (may_move_.load() && orders.size() < kMaxOrders) {
        auto order = rebalancer_.NextMove(report.server_id);
        if (!order.has_value()) break;
        orders.push_back(*std::move(order));
      }
    }
  }
  MSGPROC_CHECK_LE(orders.size(), kMaxOrders);
  for (const MoveOrder& order : orders) {
    moves_.fetch_add(order.sessions, std::memory_order_relaxed);
    if (options_.on_move) options_.on_move(report.server_id, order);
  }
  Tell(std::move(aftermath));
  return orders;
}

void Fleet::Leave(const Registration& registration) {
  Aftermath aftermath;
  {
    MutexLock lock(&mutex_);
    if (!TakeOnEnd(registration)) return;
    registry_.Leave(registration);
    rebalancer_.Remove(registration.server_id);
    aftermath = Conclude();
  }
  Tell(std::move(aftermath));
}

void Fleet::Lose(const Registration& registration) {
  Aftermath aftermath;
  {
    MutexLock lock(&mutex_);
    if (!TakeOnEnd(registration)) return;
    registry_.Lose(registration);
    rebalancer_.Remove(registration.server_id);
    aftermath = Conclude();
  }
  Tell(std::move(aftermath));
}

void Fleet::SetHealth(absl::string_view address, Health health) {
  Aftermath aftermath;
  {
    MutexLock lock(&mutex_);
    registry_.SetHealth(address, health);
    aftermath = Conclude();
  }
  Tell(std::move(aftermath));
}

void Fleet::SetBlind(bool blind) {
  MutexLock lock(&mutex_);
  registry_.SetBlind(blind);
}

void Fleet::Tick() {
  Aftermath aftermath;
  {
    MutexLock lock(&mutex_);
    const std::vector<Registration> expired = registry_.Tick();
    aftermath = Conclude();
    for (const Registration& registration : expired) {
      rebalancer_.Remove(registration.server_id);
      aftermath.ended.emplace_back(
          TakeOnEnd(registration),
          absl::DeadlineExceededError(absl::StrCat(
              "the lease of ", registration.server_id, " ran out after ",
              absl::FormatDuration(lease()), " without a report")));
    }
  }
  Tell(std::move(aftermath));
}

absl::Status Fleet::Order(absl::string_view server_id,
                          const ServerOrder& order) {
  if (absl::Status status = Validate(order); !status.ok()) return status;
  OnOrder on_order;
  {
    MutexLock lock(&mutex_);
    const auto server = registry_.Get(server_id);
    if (!server.ok()) return server.status();
    if (absl::Status status = TakesOrders(*server); !status.ok()) {
      return status;
    }
    const auto holder = holders_.find(server->generation);
    MSGPROC_CHECK(holder != holders_.end());
    on_order = holder->second.on_order;
  }
  if (on_order && on_order(order)) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat(server_id, " does not listen to this balancer now"));
}

Fleet::OnEnd Fleet::TakeOnEnd(const Registration& registration) {
  const auto found = holders_.find(registration.generation);
  if (found == holders_.end()) return nullptr;
  OnEnd on_end = std::move(found->second.on_end);
  holders_.erase(found);
  return on_end;
}

Fleet::Aftermath Fleet::Conclude() {
  const bool changed =
      version_.exchange(registry_.version(), std::memory_order_acq_rel) !=
      registry_.version();
  for (size_t i = 0; i < kServerStates; ++i) {
    counts_[i].store(registry_.counts()[i], std::memory_order_relaxed);
  }
  RebuildIfDue();
  return {changed, registry_.TakeEvents(), {}};
}

void Fleet::Tell(Aftermath aftermath) {
  for (const RegistryEvent& event : aftermath.events) {
    event_counts_[static_cast<size_t>(event.kind)].fetch_add(
        1, std::memory_order_relaxed);
    if (options_.on_event) options_.on_event(event);
  }
  if (aftermath.changed && options_.on_change) options_.on_change();
  for (auto& [on_end, status] : aftermath.ended) {
    if (on_end) on_end(std::move(status));
  }
}

void Fleet::RebuildIfDue() {
  if (!IsStale()) return;
  // However long a rebuild takes, it is not what the time goes into.
  const absl::Duration pause =
      std::max(options_.rebuild_interval, 20 * rebuild_time_);
  if (clock_->Now() - built_at_ >= pause) Rebuild();
}

void Fleet::Rebuild() {
  const absl::Time start = clock_->Now();
  auto roster = registry_.MakeRoster();
  std::shared_ptr<const PickPolicy> policy =
      NewPickPolicy(options_.policy, std::move(roster), random_);
  MSGPROC_CHECK(policy != nullptr);
  built_at_ = clock_->Now();
  rebuild_time_ = built_at_ - start;
  ChooseGiversAndTakers();
  MutexLock lock(&policy_mutex_);
  policy_.swap(policy);
  // Last: who finds that nothing is stale finds the policy, too.
  built_version_.store(registry_.version(), std::memory_order_release);
}

void Fleet::ChooseGiversAndTakers() {
  // What is known of a fleet that has vanished is no ground for moving anyone,
  // and a session is nothing to a server with another store.
  const bool known = !registry_.fail_static() && registry_.stores() <= 1;
  for (const ServerStatus& status : registry_.List()) {
    if (status.is_static) continue;
    const ServerReport& report = status.report;
    if (!known || status.state != ServerState::kServing) {
      rebalancer_.Remove(report.server_id);
    } else if (!rebalancer_.Contains(report.server_id)) {
      rebalancer_.Update(report.server_id, report.address, report.weight,
                         report.load.sessions, report.locality);
    }
  }
}

std::map<std::string, uint64_t> Fleet::AddressesToCheck() const {
  MutexLock lock(&mutex_);
  return registry_.AddressesToCheck();
}

std::vector<ServerStatus> Fleet::List() const {
  MutexLock lock(&mutex_);
  return registry_.List();
}

absl::StatusOr<ServerStatus> Fleet::Get(absl::string_view server_id) const {
  MutexLock lock(&mutex_);
  return registry_.Get(server_id);
}

ServerCounts Fleet::counts() const {
  ServerCounts counts = {};
  for (size_t i = 0; i < kServerStates; ++i) {
    counts[i] = counts_[i].load(std::memory_order_relaxed);
  }
  return counts;
}

bool Fleet::fail_static() const {
  MutexLock lock(&mutex_);
  return registry_.fail_static();
}

size_t Fleet::stores() const {
  MutexLock lock(&mutex_);
  return registry_.stores();
}

uint64_t Fleet::EventCount(RegistryEvent::Kind kind) const {
  return event_counts_[static_cast<size_t>(kind)].load(
      std::memory_order_relaxed);
}

void Fleet::AddDumps(std::vector<StateDump>* dumps) const {
  const absl::Time now = clock_->Now();
  MutexLock lock(&mutex_);
  dumps->push_back(StateDump("balancer::Fleet",
                             {{"policy", PolicyName(options_.policy)},
                              {"holders", holders_.size()},
                              {"version", version_.load()},
                              {"built_version", built_version_.load()},
                              {"built_at", When(built_at_, now)},
                              {"rebuild_time", rebuild_time_},
                              {"moves", moves_.load(std::memory_order_relaxed)},
                              {"may_move", may_move_.load()}}));
  registry_.AddDumps(now, dumps);
  dumps->push_back(rebalancer_.Dump(now));
}

}  // namespace msgproc::balancer
