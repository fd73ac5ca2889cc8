#include "tests/simulation/fleet_checker.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace msgproc::simulation {
namespace {

// Whoever draws the shortest of all pauses is not that quick this often.
constexpr size_t kManyAttempts = 24;
constexpr absl::Duration kShortTime = absl::Milliseconds(100);
// A balancer looks at its leases this often, and a list may be that old.
constexpr absl::Duration kLeaseSlack = absl::Milliseconds(250);

bool Holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

void FleetChecker::OnAttempt(const std::string& client) {
  auto& attempts = clients_[client].attempts;
  attempts.push_back(loop_.now());
  if (attempts.size() <= kManyAttempts) return;
  attempts.pop_front();
  if (loop_.now() - attempts.front() < kShortTime) {
    checker_.Fail("backoff",
                  absl::StrCat(client, " tries ", kManyAttempts, " times in ",
                               absl::FormatDuration(kShortTime)));
  }
}

void FleetChecker::OnLookup(const std::string& client,
                            const std::vector<std::string>& excluded) {
  const std::string& tried = clients_[client].tried;
  if (tried.empty() || Holds(excluded, tried)) return;
  checker_.Fail(
      "avoid",
      absl::StrCat(client, " asks for a server, and does not say that ", tried,
                   " has failed it"));
}

void FleetChecker::OnConnecting(const std::string& client,
                                const std::string& server) {
  clients_[client].tried = server;
  clients_[client].tried_life = lives_[server];
  OnAttempt(client);
}

void FleetChecker::OnWelcome(const std::string& client,
                             const std::string& server, bool lost) {
  Client& one = clients_[client];
  // A Welcome may come from a process that is dead meanwhile.
  const bool same = one.home == server && one.home_life == one.tried_life &&
                    one.home_life == lives_[server];
  if (lost && !store_fails_ && same &&
      loop_.now() - one.heard < promises_.session_ttl) {
    checker_.Fail("kept", absl::StrCat(server, " has lost the session of ",
                                       client, ", which is back"));
  }
  one.attempts.clear();
  one.tried.clear();
  one.home = server;
  one.home_life = one.tried_life;
  one.heard = loop_.now();
}

void FleetChecker::OnDraining(const std::string& client) {
  clients_[client].home.clear();
}

void FleetChecker::OnDisconnected(const std::string& client,
                                  const absl::Status& why) {
  Client& one = clients_[client];
  if (why.ok()) {
    one.home.clear();
  } else if (peaceful_) {
    checker_.Fail(
        "peace",
        absl::StrCat(client, " loses its connection: ", why.ToString()));
  }
  // A store that is in trouble may have fenced it.
  if (absl::IsAborted(why) && !store_fails_ && one.programs <= 1) {
    checker_.Fail("late-open", absl::StrCat(client, ", which has one stream, ",
                                            "loses it: ", why.ToString()));
  }
}

void FleetChecker::OnClientStarted(const std::string& client) {
  const int programs = clients_[client].programs;
  clients_[client] = {};
  clients_[client].programs = programs + 1;
}

void FleetChecker::OnRegistered(const std::string& balancer,
                                const std::string& server) {
  balancers_[balancer][server] = {.heard = loop_.now(), .registered = true};
}

void FleetChecker::OnReport(const std::string& balancer,
                            const std::string& server, bool draining,
                            uint64_t sessions) {
  Server& known = balancers_[balancer][server];
  known.heard = loop_.now();
  known.registered = true;
  known.draining = draining;
  known.sessions = sessions;
  known.life = lives_[server];
}

void FleetChecker::OnUnregistered(const std::string& balancer,
                                  const std::string& server, bool in_order) {
  const auto known = balancers_.find(balancer);
  if (known == balancers_.end()) return;
  Server& gone = known->second[server];
  gone.registered = false;
  if (in_order) gone.healthy = false;
}

bool FleetChecker::Silent(const Server& server) const {
  return loop_.now() - server.heard > promises_.lease + kLeaseSlack;
}

bool FleetChecker::MayBeFailStatic(const Servers& servers) const {
  // It is told late that they are gone, so whoever may be counts, and whoever
  // is going, or is back and was not found healthy yet.
  const auto missed = std::count_if(
      servers.begin(), servers.end(), [&](const Servers::value_type& item) {
        return !item.second.registered || !item.second.healthy ||
               item.second.draining ||
               loop_.now() - item.second.heard > promises_.lease / 2;
      });
  return 2 * static_cast<size_t>(missed) >= servers.size();
}

void FleetChecker::OnPicked(const std::string& balancer,
                            const std::vector<std::string>& servers,
                            const std::vector<std::string>& excluded) {
  Servers& known = balancers_[balancer];
  for (const std::string& name : servers) {
    const auto found = known.find(name);
    if (found == known.end()) {
      checker_.Fail("lease", absl::StrCat(balancer, " sends a client to ", name,
                                          ", which it has never heard of"));
      return;
    }
    Server& server = found->second;
    server.healthy = true;
    if (server.draining) {
      checker_.Fail("not-to-draining",
                    absl::StrCat(balancer, " sends a client to ", name,
                                 ", which drains"));
    }
    if (Silent(server) && !MayBeFailStatic(known)) {
      checker_.Fail(
          "lease",
          absl::StrCat(balancer, " sends a client to ", name, ", silent for ",
                       absl::FormatDuration(loop_.now() - server.heard)));
    }
  }
  const bool another =
      std::any_of(servers.begin(), servers.end(),
                  [&](const auto& name) { return !Holds(excluded, name); });
  if (another && Holds(excluded, servers.front())) {
    checker_.Fail("excluded",
                  absl::StrCat(balancer, " sends a client to ", servers.front(),
                               ", which it excludes, though there are others"));
  }
}

void FleetChecker::OnNothingPicked(const std::string& balancer) {
  const Servers& known = balancers_[balancer];
  absl::Time last = absl::InfinitePast();
  for (const auto& [name, server] : known) last = std::max(last, server.heard);
  for (const auto& [name, server] : known) {
    // It runs, and was there when the last of them was.
    if (server.healthy && !server.draining && server.life == lives_[name] &&
        last - server.heard < promises_.lease / 2) {
      checker_.Fail("fail-static",
                    absl::StrCat(balancer, " has no server for a client, and ",
                                 name, " serves"));
    }
  }
}

void FleetChecker::OnMoveOrder(const std::string& balancer,
                               const std::string& from, const std::string& to,
                               uint64_t sessions) {
  const Servers& known = balancers_[balancer];
  const auto giver = known.find(from);
  const auto taker = known.find(to);
  if (giver == known.end() || taker == known.end()) {
    checker_.Fail("even-moves", absl::StrCat(balancer, " moves sessions to ",
                                             to, ", which it does not know"));
    return;
  }
  if (taker->second.draining) {
    checker_.Fail("not-to-draining",
                  absl::StrCat(balancer, " moves ", sessions, " sessions from ",
                               from, " to ", to, ", which drains"));
  }
  if (taker->second.sessions + sessions + sessions > giver->second.sessions) {
    checker_.Fail("even-moves",
                  absl::StrCat(balancer, " moves ", sessions, " sessions from ",
                               from, " with ", giver->second.sessions, " to ",
                               to, " with ", taker->second.sessions));
  }
}

void FleetChecker::OnKept(const std::string& session, size_t rows) {
  if (rows <= promises_.kept_rows) return;
  checker_.Fail("trim", absl::StrCat("the store keeps ", rows,
                                     " rows of results of ", session));
}

}  // namespace msgproc::simulation
