#include "services/balancer/server_registry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace msgproc::balancer {

using Kind = RegistryEvent::Kind;

namespace {

absl::string_view Finding(Health health) {
  switch (health) {
    case Health::kUnchecked:
      return "was not checked yet";
    case Health::kServing:
      return "answers its health check";
    case Health::kNotServing:
      return "answers its health check, but is not serving";
    case Health::kRefused:
      return "refuses connections from the balancer";
    case Health::kUnreachable:
      return "does not answer its health check from the balancer";
  }
  return "";
}

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
      found->second.report.owner != report.owner) {
    return absl::AlreadyExistsError(absl::StrCat(
        report.server_id, " is registered from ", found->second.report.address,
        " by another (", found->second.report.owner, ", not ", report.owner,
        ") and lives; give each processor its own --server_id, or wait until "
        "the lease of the other is over"));
  }
  Registered registered;
  Entry& entry = registered_[report.server_id];
  if (entry.generation != 0) {
    registered.replaced = Registration{report.server_id, entry.generation};
    Note(Kind::kReplaced, entry,
         absl::StrCat("registered again, from ", report.address));
  }
  entry.generation = ++last_generation_;
  Uncheck(entry);
  entry.vanished.reset();
  entry.stale = false;
  Update(entry, report);
  // A process that came back under another name is not missing any more.
  for (auto& [id, other] : registered_) {
    if (other.vanished.has_value() && other.report.address == report.address) {
      other.vanished = absl::InfinitePast();
      other.stale = false;
    }
  }
  Note(Kind::kJoined, entry, absl::StrCat("joined, weight ", report.weight));
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
        "; if that is another processor, give each its own --server_id"));
  }
  const bool moved = entry->report.address != report.address;
  const bool changed = moved || entry->report.weight != report.weight ||
                       entry->report.draining != report.draining;
  if (moved) Uncheck(*entry);
  if (report.draining && !entry->report.draining) {
    Note(Kind::kDraining, *entry, "drains: no new sockets go there");
  }
  Update(*entry, report);
  if (changed) {
    ++version_;
    Review();
  }
  return absl::OkStatus();
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
      if (entry.is_static || entry.stale) entry.member->HalvePicks();
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
  if (entry.vanished.has_value() && gone) {
    // Review forgets it: nothing speaks for its being there any more.
    entry.vanished = absl::InfinitePast();
    entry.stale = false;
    Note(Kind::kUnhealthy, entry,
         absl::StrCat("is gone: it ", Finding(health)));
  }
  // A registered server has to answer once; from then on its reports speak.
  const bool settled = !entry.is_static && (entry.generation == 0 ||
                                            entry.health == Health::kServing);
  if (settled || entry.health == health) return;
  const bool was_serving = entry.health == Health::kServing;
  entry.health = health;
  ++version_;
  if (health == Health::kServing) {
    entry.vanished.reset();
    entry.stale = false;
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
    if (found != entries->end() && IsListed(found->second)) {
      return StatusOf(found->second);
    }
  }
  return absl::NotFoundError(
      absl::StrCat("there is no server \"", server_id, "\""));
}

}  // namespace msgproc::balancer
