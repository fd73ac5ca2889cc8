#ifndef MSGPROC_SERVICES_BALANCER_REGISTRY_ENTRY_H_
#define MSGPROC_SERVICES_BALANCER_REGISTRY_ENTRY_H_

#include <cstdint>
#include <memory>

#include "absl/time/time.h"
#include "services/balancer/fail_static.h"
#include "services/balancer/roster.h"
#include "services/balancer/server_report.h"
#include "services/balancer/server_status.h"

namespace msgproc::balancer {

// One server, as the registry knows it.
struct RegistryEntry {
  ServerReport report;
  bool is_static = false;
  // Of the stream that holds it; 0: none does.
  uint64_t generation = 0;
  absl::Time last_report = absl::InfinitePast();
  Health health = Health::kUnchecked;
  // Of its address, since when it has to be answered.
  uint64_t check = 0;
  Absence absence;
  // A static server whose address a registered one has.
  bool hidden = false;
  bool handed_out = false;
  std::shared_ptr<Member> member;

  ServerState state() const {
    if (absence.stale()) return ServerState::kStale;
    if (report.draining) return ServerState::kDraining;
    return health == Health::kServing ? ServerState::kServing
                                      : ServerState::kUnhealthy;
  }
  // Neither hidden nor vanished without being kept.
  bool listed() const {
    if (is_static) return !hidden;
    return !absence.vanished() || absence.stale();
  }
  bool ShouldBeHandedOut() const {
    return listed() &&
           (state() == ServerState::kServing || state() == ServerState::kStale);
  }
  // Whether the balancer has to ask it itself: static servers always,
  // registered ones until they answer, stale ones to learn whether they are
  // gone.
  bool ToBeChecked() const {
    const bool unproven =
        generation != 0 && !report.draining && health != Health::kServing;
    return unproven || absence.stale() || is_static;
  }
};

}  // namespace msgproc::balancer

#endif  // MSGPROC_SERVICES_BALANCER_REGISTRY_ENTRY_H_
