#include "services/balancer/server_registry.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/transition.h"
#include "services/balancer/store_census.h"

namespace msgproc::balancer {

using Kind = RegistryEvent::Kind;

namespace {

// Events wait for the next TakeEvents; a caller that never comes costs no more
// memory than this.
constexpr size_t kMaxEvents = 10000;

}  // namespace

absl::Status ServerRegistry::AddStatic(const std::string& address) {
  if (absl::Status status = ValidateAddress(address); !status.ok()) {
    return status;
  }
  if (static_.contains(address)) return absl::OkStatus();
  Entry& entry = static_[address];
  entry.is_static = true;
  ServerReport report;
  report.server_id = address;
  report.address = address;
  Update(entry, report);
  ++version_;
  Review();
  return absl::OkStatus();
}

absl::StatusOr<ServerRegistry::Registered> ServerRegistry::Register(
    const ServerReport& report) {
  if (absl::Status status = Validate(report); !status.ok()) return status;
  const auto found = registered_.find(report.server_id);
  if (found == registered_.end() &&
      registered_.size() >= options_.max_servers) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "this balancer holds ", registered_.size(), " servers already"));
  }
  if (found != registered_.end() && found->second.generation != 0 &&
      found->second.report.owner != report.owner &&
      found->second.report.owner != ServerReport::kRegistryOwner) {
    return absl::AlreadyExistsError(absl::StrCat(
        report.server_id, " is registered from ", found->second.report.address,
        " by another (", found->second.report.owner, ", not ", report.owner,
        ") and lives; give each processor its own server_id, or wait until "
        "the lease of the other is over"));
  }
  Registered registered;
  Entry& entry = registered_[report.server_id];
  if (entry.generation != 0) {
    registered.replaced = Registration{report.server_id, entry.generation};
    Note(Kind::kReplaced, entry,
         absl::StrCat("registered again, from ", report.address));
  }
  MSGPROC_CHECK_LE(registered_.size(), options_.max_servers);
  entry.generation = ++last_generation_;
  // A stale one stays handed out: a fleet that is back must not be empty first.
  const bool stays = entry.absence.stale() && entry.health == Health::kServing;
  if (!stays || entry.report.address != report.address) Uncheck(entry);
  entry.absence.End();
  Update(entry, report);
  // A process that came back under another name is not missing any more.
  for (auto& [id, other] : registered_) {
    if (other.absence.vanished() && other.report.address == report.address) {
      other.absence.BeCertain();
    }
  }
  Note(Kind::kJoined, entry,
       absl::StrCat("joined, weight ", report.weight,
                    report.cordoned ? ", cordoned" : ""));
  registered.registration = {report.server_id, entry.generation};
  ++version_;
  Review();
  return registered;
}

absl::Status ServerRegistry::Report(const Registration& registration,
                                    const ServerReport& report) {
  if (absl::Status status = Validate(report); !status.ok()) return status;
  if (report.server_id != registration.server_id) {
    return absl::InvalidArgumentError(absl::StrCat(
        "server_id changed from ", registration.server_id, " to ",
        report.server_id, "; register anew to be called otherwise"));
  }
  Entry* const entry = Find(registration);
  if (entry == nullptr) {
    const auto found = registered_.find(registration.server_id);
    if (found == registered_.end() || found->second.generation == 0) {
      return absl::NotFoundError(absl::StrCat(
          "the lease of ", registration.server_id, " ran out; register again"));
    }
    return absl::AbortedError(absl::StrCat(
        registration.server_id, " was registered again, from ",
        found->second.report.address,
        "; if that is another processor, give each its own server_id"));
  }
  const bool moved = entry->report.address != report.address;
  const bool changed =
      moved || entry->report.weight != report.weight ||
      !(entry->report.locality == report.locality) ||
      entry->report.draining != report.draining ||
      entry->report.store_generation != report.store_generation;
  if (moved) Uncheck(*entry);
  NoteDraining(*entry, report);
  Update(*entry, report);
  if (changed) {
    ++version_;
    Review();
  }
  return absl::OkStatus();
}

void ServerRegistry::NoteDraining(const Entry& entry,
                                  const ServerReport& report) {
  if (report.draining == entry.report.draining) return;
  if (report.draining) {
    Note(Kind::kDraining, entry,
         report.cordoned ? "is cordoned: no new sockets go there"
                         : "drains: no new sockets go there");
  } else {
    Note(Kind::kUndrained, entry, "takes new sockets again");
  }
}

void ServerRegistry::Leave(const Registration& registration) {
  Entry* const entry = Find(registration);
  if (entry == nullptr) return;
  Note(Kind::kLeft, *entry, "left");
  entry->member->SetAvailable(false);
  registered_.erase(registration.server_id);
  ++version_;
  Review();
}

void ServerRegistry::Lose(const Registration& registration) {
  Entry* const entry = Find(registration);
  if (entry == nullptr) return;
  Vanish(*entry, Kind::kStreamBroken, "broke its stream without a goodbye");
  Review();
}

std::vector<Registration> ServerRegistry::Tick() {
  const absl::Time now = clock_->Now();
  std::vector<Registration> expired;
  for (auto& [id, entry] : registered_) {
    const absl::Duration age = now - entry.last_report;
    if (entry.generation == 0 || age <= options_.lease) continue;
    expired.push_back({id, entry.generation});
    Vanish(entry, Kind::kLeaseExpired,
           absl::StrCat("was silent for ", absl::FormatDuration(age),
                        ", longer than its lease of ",
                        absl::FormatDuration(options_.lease)));
  }
  if (now - picks_halved_ >= options_.lease / 3) {
    picks_halved_ = now;
    ForEach([](Entry& entry) {
      if (entry.is_static || entry.absence.stale()) entry.member->HalvePicks();
    });
  }
  Review();
  return expired;
}

void ServerRegistry::Uncheck(Entry& entry) {
  entry.health = Health::kUnchecked;
  entry.check = ++last_check_;
}

void ServerRegistry::SetHealth(absl::string_view address, Health health) {
  ForEach([&](Entry& entry) {
    if (entry.report.address == address) SetHealthOf(entry, health);
  });
  Review();
}

void ServerRegistry::SetHealthOf(Entry& entry, Health health) {
  const bool gone = health == Health::kNotServing || health == Health::kRefused;
  if (entry.absence.vanished() && gone) {
    // Review forgets it: nothing speaks for its being there any more.
    entry.absence.BeCertain();
    Note(Kind::kUnhealthy, entry,
         absl::StrCat("is gone: it ", Finding(health)));
  }
  if (entry.absence.stale() && !entry.is_static) entry.health = health;
  // A registered server has to answer once; from then on its reports speak.
  const bool settled = !entry.is_static && (entry.generation == 0 ||
                                            entry.health == Health::kServing);
  if (settled || entry.health == health) return;
  const bool was_serving = entry.health == Health::kServing;
  entry.health = health;
  if (health == Health::kServing) {
    entry.absence.End();
    Note(Kind::kHealthy, entry, Finding(health));
  } else if (was_serving && !gone) {
    Vanish(entry, Kind::kUnhealthy, "stopped answering its health check");
  } else {
    Note(Kind::kUnhealthy, entry, Finding(health));
  }
}

absl::StatusOr<ServerStatus> ServerRegistry::Get(
    absl::string_view server_id) const {
  for (const Entries* entries : {&registered_, &static_}) {
    const auto found = entries->find(server_id);
    if (found != entries->end() && found->second.listed()) {
      return StatusOf(found->second);
    }
  }
  return absl::NotFoundError(
      absl::StrCat("there is no server \"", server_id, "\""));
}

ServerStatus ServerRegistry::StatusOf(const Entry& entry) const {
  ServerStatus status;
  status.report = entry.report;
  status.state = entry.state();
  status.report_age = clock_->Now() - entry.last_report;
  status.is_static = entry.is_static;
  status.generation = entry.generation;
  return status;
}

std::vector<ServerStatus> ServerRegistry::List() const {
  std::vector<ServerStatus> list;
  for (const Entries* entries : {&registered_, &static_}) {
    for (const auto& [id, entry] : *entries) {
      if (entry.listed()) list.push_back(StatusOf(entry));
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
    if (!entry.ToBeChecked()) return;
    uint64_t& check = checks[entry.report.address];
    check = std::max(check, entry.check);
  });
  return checks;
}

std::shared_ptr<const Roster> ServerRegistry::MakeRoster() const {
  std::vector<std::shared_ptr<Member>> members;
  for (const Entries* entries : {&registered_, &static_}) {
    for (const auto& [id, entry] : *entries) {
      if (!entry.handed_out) continue;
      MSGPROC_CHECK(entry.member->available());
      members.push_back(entry.member);
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
      old->weight() != report.weight || !(old->locality() == report.locality)) {
    if (old != nullptr) old->SetAvailable(false);
    entry.member = std::make_shared<Member>(report.server_id, report.address,
                                            report.weight, report.locality);
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
  entry.absence.Vanish(entry.handed_out ? clock_->Now() : absl::InfinitePast());
  entry.generation = 0;
  ++version_;
}

void ServerRegistry::KeepOrForgetVanished() {
  fail_static_.Begin(clock_->Now());
  ForEach([&](Entry& entry) {
    if (entry.hidden) return;
    fail_static_.Count(&entry.absence,
                       !entry.absence.vanished() && entry.ShouldBeHandedOut());
  });
  const bool changed = fail_static_.Decide();
  for (auto& [address, entry] : static_) fail_static_.Apply(&entry.absence);
  for (auto item = registered_.begin(); item != registered_.end();) {
    const Entry& entry = item->second;
    const bool forget = fail_static_.Apply(&item->second.absence);
    if (forget) {
      entry.member->SetAvailable(false);
      ++version_;
    }
    item = forget ? registered_.erase(item) : std::next(item);
  }
  if (!changed) return;
  const bool on = fail_static_.on();
  Note(on ? Kind::kFailStaticBegan : Kind::kFailStaticEnded, Entry(),
       on ? absl::StrCat("most of the fleet vanished at once: the last known "
                         "list stays in use, ",
                         fail_static_.kept(), " of them stale, for at most ",
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

void ServerRegistry::CompareStores() {
  StoreCensus census;
  for (const auto& [id, entry] : registered_) {
    if (entry.listed()) census.Count(entry.report.store_generation, id);
  }
  const size_t before = std::exchange(stores_, census.stores());
  if (stores_ > 1 && stores_ != before) {
    Note(Kind::kStoresDiffer, Entry(),
         absl::StrCat(
             "servers keep their sessions in different stores, and a session "
             "that goes from one to another is lost: ",
             census.Describe(),
             "; give all the same --session_store, or each store a balancer"));
  } else if (stores_ <= 1 && before > 1) {
    Note(Kind::kStoresAgree, Entry(),
         "all servers keep their sessions in one store again");
  }
}

void ServerRegistry::Review() {
  HideStaticServers();
  KeepOrForgetVanished();
  CompareStores();
  counts_ = {};
  ForEach([&](Entry& entry) {
    MSGPROC_CHECK(entry.member != nullptr);
    MSGPROC_CHECK_LE(entry.generation, last_generation_);
    MSGPROC_CHECK_LE(entry.check, last_check_);
    MSGPROC_CHECK(!entry.absence.stale() || entry.generation == 0);
    MSGPROC_CHECK(!entry.is_static || entry.generation == 0);
    if (entry.listed()) ++counts_[static_cast<size_t>(entry.state())];
    const bool handed_out = entry.ShouldBeHandedOut();
    if (entry.handed_out == handed_out) return;
    TellTransition("balancer::ServerRegistry",
                   handed_out ? "held back" : "handed out",
                   handed_out ? "handed out" : "held back");
    entry.handed_out = handed_out;
    entry.member->SetAvailable(handed_out);
    ++version_;
  });
}

}  // namespace msgproc::balancer
