// The part of ServerRegistry that sees the fleet as a whole: who is handed
// out, who is kept though gone, and what the outside is shown of it.
#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "services/balancer/server_registry.h"

namespace msgproc::balancer {

using Kind = RegistryEvent::Kind;

namespace {

// Events wait for the next TakeEvents; a caller that never comes costs no more
// memory than this.
constexpr size_t kMaxEvents = 10000;

}  // namespace

ServerState ServerRegistry::StateOf(const Entry& entry) {
  if (entry.stale) return ServerState::kStale;
  if (entry.report.draining) return ServerState::kDraining;
  return entry.health == Health::kServing ? ServerState::kServing
                                          : ServerState::kUnhealthy;
}

bool ServerRegistry::IsListed(const Entry& entry) {
  if (entry.is_static) return !entry.hidden;
  return !entry.vanished.has_value() || entry.stale;
}

bool ServerRegistry::ShouldBeHandedOut(const Entry& entry) {
  const ServerState state = StateOf(entry);
  return IsListed(entry) &&
         (state == ServerState::kServing || state == ServerState::kStale);
}

ServerStatus ServerRegistry::StatusOf(const Entry& entry) const {
  ServerStatus status;
  status.report = entry.report;
  status.state = StateOf(entry);
  status.report_age = clock_->Now() - entry.last_report;
  status.is_static = entry.is_static;
  return status;
}

std::vector<ServerStatus> ServerRegistry::List() const {
  std::vector<ServerStatus> list;
  for (const Entries* entries : {&registered_, &static_}) {
    for (const auto& [id, entry] : *entries) {
      if (IsListed(entry)) list.push_back(StatusOf(entry));
    }
  }
  std::stable_sort(list.begin(), list.end(),
                   [](const ServerStatus& a, const ServerStatus& b) {
                     return a.report.server_id < b.report.server_id;
                   });
  return list;
}

std::map<std::string, uint64_t> ServerRegistry::AddressesToCheck() const {
  std::map<std::string, uint64_t> checks;
  ForEach([&](const Entry& entry) {
    const bool unproven = entry.generation != 0 && !entry.report.draining &&
                          entry.health != Health::kServing;
    if (!unproven && !entry.stale && !entry.is_static) return;
    uint64_t& check = checks[entry.report.address];
    check = std::max(check, entry.check);
  });
  return checks;
}

std::shared_ptr<const Roster> ServerRegistry::MakeRoster() const {
  std::vector<std::shared_ptr<Member>> members;
  for (const Entries* entries : {&registered_, &static_}) {
    for (const auto& [id, entry] : *entries) {
      if (entry.handed_out) members.push_back(entry.member);
    }
  }
  std::stable_sort(members.begin(), members.end(),
                   [](const auto& a, const auto& b) {
                     return a->server_id() < b->server_id();
                   });
  return std::make_shared<const Roster>(std::move(members));
}

std::vector<RegistryEvent> ServerRegistry::TakeEvents() {
  return std::exchange(events_, {});
}

void ServerRegistry::Note(Kind kind, const Entry& entry,
                          absl::string_view text) {
  if (events_.size() == kMaxEvents) return;
  events_.push_back(
      {kind, entry.report.server_id, entry.report.address, std::string(text)});
}

ServerRegistry::Entry* ServerRegistry::Find(const Registration& registration) {
  const auto found = registered_.find(registration.server_id);
  if (found == registered_.end() ||
      found->second.generation != registration.generation) {
    return nullptr;
  }
  return &found->second;
}

void ServerRegistry::Update(Entry& entry, const ServerReport& report) {
  const std::shared_ptr<Member> old = entry.member;
  if (old == nullptr || old->address() != report.address ||
      old->weight() != report.weight) {
    if (old != nullptr) old->SetAvailable(false);
    entry.member = std::make_shared<Member>(report.server_id, report.address,
                                            report.weight);
    entry.member->SetAvailable(false);
    entry.handed_out = false;
  }
  entry.report = report;
  if (entry.is_static) return;
  entry.last_report = clock_->Now();
  entry.member->SetSessions(report.load.sessions);
}

void ServerRegistry::Vanish(Entry& entry, Kind kind, absl::string_view why) {
  Note(kind, entry, why);
  // One that was not handed out, or was about to go, is no loss to anyone:
  // Review forgets it.
  entry.vanished = entry.handed_out ? clock_->Now() : absl::InfinitePast();
  entry.generation = 0;
  ++version_;
}

bool ServerRegistry::MostHaveVanished() const {
  const absl::Time since = clock_->Now() - options_.lease;
  size_t here = 0;
  size_t vanished = 0;
  ForEach([&](const Entry& entry) {
    if (entry.hidden) return;
    if (entry.vanished.has_value()) {
      if (entry.stale || *entry.vanished >= since) ++vanished;
    } else if (ShouldBeHandedOut(entry)) {
      ++here;
    }
  });
  if (vanished == 0 || options_.fail_static <= absl::ZeroDuration()) {
    return false;
  }
  return here == 0 || (here + vanished >= 3 && vanished >= here);
}

void ServerRegistry::KeepOrForgetVanished() {
  const absl::Time now = clock_->Now();
  ForEach([&](Entry& entry) {
    if (entry.stale && now - *entry.vanished > options_.fail_static) {
      entry.stale = false;
      entry.vanished = absl::InfinitePast();
    }
  });
  const bool keep = MostHaveVanished();
  size_t kept = 0;
  ForEach([&](Entry& entry) {
    if (!entry.vanished.has_value()) return;
    entry.stale =
        keep && (entry.stale || now - *entry.vanished <= options_.lease);
    if (entry.stale) ++kept;
  });
  // What has just vanished stays a while, unlisted: more may follow.
  for (auto item = registered_.begin(); item != registered_.end();) {
    const Entry& entry = item->second;
    const bool forget = entry.vanished.has_value() && !entry.stale &&
                        now - *entry.vanished > options_.lease;
    if (forget) {
      entry.member->SetAvailable(false);
      ++version_;
    }
    item = forget ? registered_.erase(item) : std::next(item);
  }
  if (keep == fail_static_) return;
  fail_static_ = keep;
  ++version_;
  Entry fleet;
  Note(keep ? Kind::kFailStaticBegan : Kind::kFailStaticEnded, fleet,
       keep ? absl::StrCat("most of the fleet vanished at once: the last known "
                           "list stays in use, ",
                           kept, " of them stale, for at most ",
                           absl::FormatDuration(options_.fail_static))
            : "the fleet is known again: no stale server is handed out");
}

void ServerRegistry::HideStaticServers() {
  if (static_.empty()) return;
  absl::flat_hash_set<absl::string_view> taken;
  for (const auto& [id, entry] : registered_) {
    if (entry.generation != 0) taken.insert(entry.report.address);
  }
  for (auto& [address, entry] : static_) {
    entry.hidden = taken.contains(address);
  }
}

void ServerRegistry::Review() {
  HideStaticServers();
  KeepOrForgetVanished();
  counts_ = {};
  ForEach([&](Entry& entry) {
    if (IsListed(entry)) ++counts_[static_cast<size_t>(StateOf(entry))];
    const bool handed_out = ShouldBeHandedOut(entry);
    if (entry.handed_out == handed_out) return;
    entry.handed_out = handed_out;
    entry.member->SetAvailable(handed_out);
    ++version_;
  });
}

}  // namespace msgproc::balancer
