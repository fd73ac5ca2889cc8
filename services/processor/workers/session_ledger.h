#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_SESSION_LEDGER_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_SESSION_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/state_dump.h"

namespace msgproc::processor {

struct WorkItem;

// What the Dispatcher knows of one session: what waits, which workers hold
// something of it, and whether workers die over it. Not thread-safe.
class SessionLedger {
 public:
  // How long a session is watched after a worker died over it alone.
  static constexpr absl::Duration kWatch = absl::Seconds(10);
  // Deaths over it alone that cost a session no time. Beyond them it waits
  // after each, twice as long as before, up to a second.
  static constexpr int kFreeDeaths = 8;

  // Waiting items, in order: those that may share a worker with other
  // sessions', and those over which a worker has died.
  std::deque<WorkItem*> waiting;
  std::deque<WorkItem*> suspects;
  // Its suspects that are not complete, waiting or not.
  size_t suspects_open = 0;
  absl::Time last_active = absl::InfinitePast();
  // When it last was given a worker of its own.
  uint64_t turn = 0;
  // In the dispatcher's lists of sessions.
  bool queued = false;
  bool watched = false;

  // One more item, or one less, is with the worker.
  void AddHeld(uint64_t worker);
  void RemoveHeld(uint64_t worker);
  bool HoldsOn(uint64_t worker) const;
  // Workers that hold something of it.
  size_t workers() const { return held_.size(); }

  // A worker died that held something of it and of others, or of it alone.
  void OnSharedDeath() { ++deaths_; }
  void OnOwnDeath(absl::Time now);
  int deaths() const { return deaths_; }

  // Whether it must be kept from other sessions' workers: until its suspects
  // are cleared, and for kWatch after a worker died over it alone.
  bool Tainted(absl::Time now);
  // Before this it is given nothing.
  absl::Time not_before() const { return not_before_; }

  // Checks what holds between two calls of the Dispatcher; true.
  bool CheckInvariants() const;

  StateDump Dump(absl::Time now) const;

  // Whether nothing is lost by forgetting it.
  bool Forgettable(absl::Time now);

 private:
  std::vector<std::pair<uint64_t, int>> held_;
  int deaths_ = 0;
  int own_deaths_ = 0;
  absl::Time watched_until_ = absl::InfinitePast();
  absl::Time not_before_ = absl::InfinitePast();
};

using SessionLedgers = std::unordered_map<uint64_t, SessionLedger>;

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_SESSION_LEDGER_H_
