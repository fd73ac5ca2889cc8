#include "services/balancer/rebalancer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/quoted.h"
#include "services/balancer/nearest_first.h"

namespace msgproc::balancer {
namespace {

// Servers, each in a dump.
constexpr size_t kMostDumped = 100;

}  // namespace

double Rebalancer::Bucket::Fill(double rate, double burst, absl::Time now) {
  tokens = std::min(burst, tokens + rate * absl::ToDoubleSeconds(now - filled));
  filled = now;
  return tokens;
}

double Rebalancer::Server::planned() const {
  switch (role) {
    case Role::kNone:
      return sessions;
    case Role::kGiving:
      return std::min(sessions, promised);
    case Role::kTaking:
      return std::max(sessions, promised);
  }
  return sessions;
}

double Rebalancer::Burst(double rate) const {
  return std::max(1.0, rate * absl::ToDoubleSeconds(options_.report_interval));
}

Rebalancer::Bucket Rebalancer::FullBucket(double rate) const {
  return {Burst(rate), clock_->Now()};
}

double Rebalancer::FairShare(const Server& server) const {
  return total_sessions_ * server.weight / total_weight_;
}

bool Rebalancer::IsSteady() {
  const absl::Time now = clock_->Now();
  const double tolerated =
      std::max(options_.steady_sessions, options_.steady * total_sessions_);
  if (std::abs(total_sessions_ - steady_sessions_) > tolerated) {
    steady_sessions_ = total_sessions_;
    changed_at_ = now;
  }
  return now - changed_at_ >= options_.report_interval;
}

void Rebalancer::Update(absl::string_view server_id, absl::string_view address,
                        double weight, uint64_t sessions,
                        const Locality& locality) {
  const auto [found, is_new] = index_.try_emplace(server_id, servers_.size());
  if (is_new) {
    Server server;
    server.server_id = std::string(server_id);
    server.weight = 0;
    server.departures = FullBucket(options_.moves_per_second);
    server.arrivals = FullBucket(options_.arrivals_per_second);
    servers_.push_back(std::move(server));
  }
  MSGPROC_CHECK_LT(found->second, servers_.size());
  MSGPROC_CHECK_EQ(index_.size(), servers_.size());
  Server& server = servers_[found->second];
  MSGPROC_CHECK_EQ(server.server_id, server_id);
  MSGPROC_CHECK_GT(weight, 0);
  if (server.address != address) server.address = std::string(address);
  server.locality = locality;
  total_weight_ += weight - server.weight;
  server.weight = weight;
  // Planned, not reported: what is on its way is in nobody's report.
  total_sessions_ -= server.planned();
  server.sessions = static_cast<double>(sessions);
  Settle(server);
  total_sessions_ += server.planned();
}

void Rebalancer::Remove(absl::string_view server_id) {
  const auto found = index_.find(server_id);
  if (found == index_.end()) return;
  const size_t hole = found->second;
  MSGPROC_CHECK_LT(hole, servers_.size());
  total_weight_ -= servers_[hole].weight;
  total_sessions_ -= servers_[hole].planned();
  index_.erase(found);
  if (hole + 1 != servers_.size()) {
    servers_[hole] = std::move(servers_.back());
    index_[servers_[hole].server_id] = hole;
  }
  servers_.pop_back();
  MSGPROC_CHECK_EQ(index_.size(), servers_.size());
}

void Rebalancer::Settle(Server& server) {
  const absl::Time now = clock_->Now();
  if (server.role == Role::kNone || now < server.settled_at) return;
  if (server.role == Role::kGiving) {
    const double missing = server.sessions - server.promised;
    if (missing <= server.ordered / 2) {
      server.disobeyed = 0;
    } else {
      ++server.disobeyed;
      server.leave_alone_until =
          now + std::min(options_.max_patience,
                         options_.settle * std::exp2(server.disobeyed));
    }
  }
  server.role = Role::kNone;
  server.ordered = 0;
}

void Rebalancer::Judge(Server& server) const {
  const double fair = FairShare(server);
  const double off = std::abs(server.planned() - fair);
  const double tolerated =
      std::max(options_.tolerated_sessions, options_.tolerance * fair);
  if (off > tolerated) server.uneven = true;
  if (off <= tolerated / 2) server.uneven = false;
}

double Rebalancer::Excess(const Server& giver, const Server& taker) const {
  const double fair = FairShare(giver);
  const bool crosses_zones =
      !giver.locality.zone.empty() && !taker.locality.zone.empty() &&
      ProximityOf(giver.locality, taker.locality) != Proximity::kSameZone;
  if (!crosses_zones) return giver.planned() - fair;
  return giver.planned() - std::max(NearestFirst::kLoadAlwaysAllowed,
                                    NearestFirst::kLoadFactor * fair);
}

Rebalancer::Server* Rebalancer::FindTaker(const Server& giver) {
  const absl::Time now = clock_->Now();
  const double rate = options_.arrivals_per_second;
  Server* best = nullptr;
  for (Server& server : servers_) {
    if (&server == &giver || server.role == Role::kGiving) continue;
    if (Excess(giver, server) <= 0) continue;
    Judge(server);
    if (!giver.uneven && !server.uneven) continue;
    if (server.planned() >= FairShare(server)) continue;
    if (best != nullptr &&
        server.planned() / server.weight >= best->planned() / best->weight) {
      continue;
    }
    if (server.arrivals.Fill(rate, Burst(rate), now) < 1) continue;
    best = &server;
  }
  return best;
}

void Rebalancer::Order(Server& server, Role role, double sessions) {
  MSGPROC_CHECK(role != Role::kNone);
  MSGPROC_CHECK(server.role == Role::kNone || server.role == role);
  MSGPROC_CHECK_GE(sessions, 1);
  const double planned = server.planned();
  total_sessions_ -= planned;
  server.promised =
      role == Role::kGiving ? planned - sessions : planned + sessions;
  server.role = role;
  server.ordered += sessions;
  server.settled_at = clock_->Now() + options_.settle;
  total_sessions_ += server.planned();
}

std::optional<MoveOrder> Rebalancer::NextMove(absl::string_view server_id) {
  if (options_.moves_per_second <= 0) return std::nullopt;
  const auto found = index_.find(server_id);
  if (found == index_.end()) return std::nullopt;
  Server& giver = servers_[found->second];
  const absl::Time now = clock_->Now();
  if (!IsSteady()) return std::nullopt;
  if (giver.role == Role::kTaking || now < giver.leave_alone_until) {
    return std::nullopt;
  }
  const double rate = options_.moves_per_second;
  if (giver.planned() <= FairShare(giver) ||
      giver.departures.Fill(rate, Burst(rate), now) < 1) {
    return std::nullopt;
  }
  Judge(giver);
  Server* const taker = FindTaker(giver);
  if (taker == nullptr) return std::nullopt;
  MSGPROC_CHECK(taker != &giver);
  const double excess = Excess(giver, *taker);
  const double room = FairShare(*taker) - taker->planned();
  const double sessions =
      std::floor(std::min({std::max(1.0, excess), std::max(1.0, room),
                           giver.departures.tokens, taker->arrivals.tokens}));
  // Only the last session of an excess or a room can fail this.
  if ((giver.planned() - sessions) / giver.weight <
      (taker->planned() + sessions) / taker->weight) {
    return std::nullopt;
  }
  giver.departures.tokens -= sessions;
  taker->arrivals.tokens -= sessions;
  Order(giver, Role::kGiving, sessions);
  Order(*taker, Role::kTaking, sessions);
  return MoveOrder{static_cast<uint32_t>(sessions), taker->server_id,
                   taker->address};
}

std::string Rebalancer::Describe(const Server& server, absl::Time now) const {
  std::string text = absl::StrCat(server.sessions, " sessions, fair share ",
                                  FairShare(server));
  if (server.uneven) absl::StrAppend(&text, ", uneven");
  if (server.role != Role::kNone) {
    absl::StrAppend(&text,
                    server.role == Role::kGiving ? ", giving " : ", taking ",
                    server.ordered, " until ", server.promised, ", settled ",
                    When(server.settled_at, now));
  }
  if (server.disobeyed > 0) {
    absl::StrAppend(&text, ", disobeyed ", server.disobeyed,
                    " times, left alone until ",
                    When(server.leave_alone_until, now));
  }
  return text;
}

StateDump Rebalancer::Dump(absl::Time now) const {
  StateDump dump("balancer::Rebalancer",
                 {{"servers", servers_.size()},
                  {"total_sessions", total_sessions_},
                  {"total_weight", total_weight_},
                  {"steady_sessions", steady_sessions_},
                  {"changed_at", When(changed_at_, now)},
                  {"moves_per_second", options_.moves_per_second}});
  std::vector<const Server*> servers;
  servers.reserve(servers_.size());
  for (const Server& server : servers_) servers.push_back(&server);
  std::sort(servers.begin(), servers.end(),
            [](const Server* a, const Server* b) {
              const auto place = [](const Server& server) {
                return std::tuple(server.role == Role::kNone, !server.uneven,
                                  absl::string_view(server.server_id));
              };
              return place(*a) < place(*b);
            });
  if (servers.size() > kMostDumped) servers.resize(kMostDumped);
  for (const Server* server : servers) {
    dump.Add(Quoted(server->server_id), Describe(*server, now));
  }
  return dump;
}

}  // namespace msgproc::balancer
