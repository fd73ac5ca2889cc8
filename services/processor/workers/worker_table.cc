#include "services/processor/workers/worker_table.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "common/check.h"

namespace msgproc::processor {
namespace {

constexpr int kMaxInFlight = 2;
// A second assignment goes to a worker that will be done with the first by
// then, as it would wait for work otherwise: the largest batches are as long.
constexpr int64_t kSecondAssignmentNanoseconds = 1'000'000;
// A worker this late with its first assignment gets no second one: that would
// be stuck behind a message that may never end.
constexpr absl::Duration kLate = absl::Milliseconds(20);
// A message of which nothing is known, when work is compared.
constexpr int64_t kUnknownNanoseconds = 100'000;

}  // namespace

int64_t ExpectedNanoseconds(const WorkItem& item, uint64_t messages) {
  const int64_t each = item.message_nanoseconds > 0 ? item.message_nanoseconds
                                                    : kUnknownNanoseconds;
  return each * static_cast<int64_t>(messages);
}

bool WorkerLedger::HasRoom(absl::Time now) const {
  if (!open() || reserved || exclusive) return false;
  return in_flight == 0 || (in_flight < kMaxInFlight &&
                            load_nanoseconds <= kSecondAssignmentNanoseconds &&
                            now - progress <= kLate);
}

void WorkerLedger::Hold(const Assignment::Part& part, absl::Time now) {
  MSGPROC_CHECK(open());
  MSGPROC_CHECK_GT(part.messages, 0u);
  MSGPROC_CHECK_LE(part.messages, part.item->remaining());
  if (held.empty()) progress = now;
  held.push_back({part, false, now});
  load_nanoseconds += ExpectedNanoseconds(*part.item, part.messages);
  held_messages += part.messages;
  given_messages += part.messages;
}

void WorkerLedger::OnAssigned() {
  MSGPROC_CHECK(!held.empty());
  held.back().last_of_assignment = true;
  ++in_flight;
}

bool WorkerLedger::OnAnswered(uint64_t messages, absl::Time now) {
  MSGPROC_CHECK(!held.empty());
  Held& oldest = held.front();
  MSGPROC_CHECK_GT(messages, 0u);
  MSGPROC_CHECK_LE(messages, oldest.part.messages);
  oldest.part.messages -= messages;
  load_nanoseconds -= ExpectedNanoseconds(*oldest.part.item, messages);
  held_messages -= messages;
  progress = now;
  if (oldest.part.messages > 0) return false;
  if (oldest.last_of_assignment) --in_flight;
  held.pop_front();
  MSGPROC_CHECK_GE(in_flight, 0);
  if (held.empty()) {
    MSGPROC_CHECK_EQ(held_messages, 0u);
    exclusive = quarantined = false;
  }
  return true;
}

WorkerLoad WorkerLedger::Load() const {
  WorkerLoad load;
  load.held_messages = held_messages;
  if (!held.empty()) load.oldest = held.front().since;
  std::set<uint64_t> sessions;
  for (const Held& each : held) sessions.insert(each.part.item->session);
  for (const WorkItem* item : bound) sessions.insert(item->session);
  load.sessions = sessions.size();
  return load;
}

StateDump WorkerLedger::Dump(absl::Time now) const {
  return StateDump(
      "processor::WorkerLedger",
      {{"id", id},
       {"life", WorkerPhaseName(life.phase())},
       {"in_flight", in_flight},
       {"held_messages", held_messages},
       {"given_messages", given_messages},
       {"held_since", held.empty() ? "never" : When(held.front().since, now)},
       {"bound", bound.size()},
       {"load", absl::Nanoseconds(load_nanoseconds)},
       {"progress", held.empty() ? "never" : When(progress, now)},
       {"reserved", reserved},
       {"exclusive", exclusive},
       {"quarantined", quarantined}});
}

std::vector<WorkItem*> WorkerLedger::AllHeld() const {
  std::vector<WorkItem*> items;
  for (const Held& each : held) items.push_back(each.part.item);
  return items;
}

std::vector<WorkItem*> WorkerLedger::HeldOf(uint64_t session) const {
  std::vector<WorkItem*> items;
  for (const Held& each : held) {
    if (each.part.item->session == session) items.push_back(each.part.item);
  }
  return items;
}

bool WorkerLedger::CheckInvariants() const {
  MSGPROC_CHECK_NE(id, 0u);
  int assignments = 0;
  uint64_t messages = 0;
  int64_t load = 0;
  for (const Held& each : held) {
    MSGPROC_CHECK_EQ(each.part.item->worker, id);
    MSGPROC_CHECK_GT(each.part.messages, 0u);
    MSGPROC_CHECK_LE(each.part.messages, each.part.item->remaining());
    messages += each.part.messages;
    load += ExpectedNanoseconds(*each.part.item, each.part.messages);
    if (each.last_of_assignment) ++assignments;
  }
  MSGPROC_CHECK(held.empty() || held.back().last_of_assignment);
  MSGPROC_CHECK_EQ(in_flight, assignments);
  MSGPROC_CHECK_LE(in_flight, kMaxInFlight);
  MSGPROC_CHECK_EQ(held_messages, messages);
  MSGPROC_CHECK_EQ(load_nanoseconds, load);
  MSGPROC_CHECK_GE(given_messages, held_messages);
  // Who may use it.
  MSGPROC_CHECK(!exclusive || (!held.empty() && in_flight == 1));
  MSGPROC_CHECK(!quarantined || exclusive);
  MSGPROC_CHECK(!(reserved && exclusive));
  MSGPROC_CHECK(open() || bound.empty());
  for (const WorkItem* item : bound) {
    MSGPROC_CHECK(item->ordered && item->worker == id && !item->suspect);
  }
  return true;
}

void WorkerTable::Add(WorkerId id) {
  MSGPROC_CHECK(Find(id) == nullptr);
  workers_.emplace_back().id = id;
}

void WorkerTable::Remove(const WorkerLedger* worker) {
  MSGPROC_CHECK_LT(static_cast<size_t>(worker - workers_.data()),
                   workers_.size());
  MSGPROC_CHECK(!worker->open());
  MSGPROC_CHECK(worker->bound.empty());
  workers_.erase(workers_.begin() + (worker - workers_.data()));
}

WorkerLedger* WorkerTable::Find(WorkerId id) {
  for (WorkerLedger& worker : workers_) {
    if (worker.id == id) return &worker;
  }
  return nullptr;
}

const WorkerLedger* WorkerTable::Find(WorkerId id) const {
  for (const WorkerLedger& worker : workers_) {
    if (worker.id == id) return &worker;
  }
  return nullptr;
}

WorkerLedger* WorkerTable::BoundTo(const WorkItem& item) {
  WorkerLedger* worker = item.ordered ? Find(item.worker) : nullptr;
  return worker != nullptr && worker->open() ? worker : nullptr;
}

size_t WorkerTable::open() const {
  return static_cast<size_t>(
      std::count_if(workers_.begin(), workers_.end(),
                    [](const WorkerLedger& worker) { return worker.open(); }));
}

size_t WorkerTable::quarantined() const {
  return static_cast<size_t>(std::count_if(
      workers_.begin(), workers_.end(), [](const WorkerLedger& worker) {
        return worker.open() && (worker.quarantined || worker.reserved);
      }));
}

bool WorkerTable::AllIdle() const {
  return std::all_of(
      workers_.begin(), workers_.end(),
      [](const WorkerLedger& worker) { return worker.held.empty(); });
}

bool WorkerTable::BoundWait() const {
  return std::any_of(
      workers_.begin(), workers_.end(),
      [](const WorkerLedger& worker) { return !worker.bound.empty(); });
}

WorkerLedger* WorkerTable::IdleFor(const WorkItem& item) {
  if (WorkerLedger* own = BoundTo(item); own != nullptr) {
    return own->held.empty() && !own->reserved ? own : nullptr;
  }
  for (WorkerLedger& worker : workers_) {
    if (worker.open() && worker.held.empty() && !worker.reserved)
      return &worker;
  }
  return nullptr;
}

WorkerLedger* WorkerTable::ReservableFor(const WorkItem& item) {
  const auto reservable = [](const WorkerLedger& worker) {
    return worker.open() && !worker.reserved && !worker.exclusive;
  };
  if (WorkerLedger* own = BoundTo(item); own != nullptr) {
    return reservable(*own) ? own : nullptr;
  }
  WorkerLedger* least = nullptr;
  for (WorkerLedger& worker : workers_) {
    if (reservable(worker) &&
        (least == nullptr ||
         worker.load_nanoseconds < least->load_nanoseconds)) {
      least = &worker;
    }
  }
  return least;
}

void WorkerTable::ReleaseReservations() {
  for (WorkerLedger& worker : workers_) worker.reserved = false;
}

std::vector<WorkerLedger*> WorkerTable::WithRoom(absl::Time now) {
  std::vector<WorkerLedger*> free;
  for (WorkerLedger& worker : workers_) {
    if (worker.HasRoom(now)) free.push_back(&worker);
  }
  std::stable_sort(free.begin(), free.end(),
                   [](const WorkerLedger* a, const WorkerLedger* b) {
                     return std::tie(a->load_nanoseconds, a->sessions_begun) <
                            std::tie(b->load_nanoseconds, b->sessions_begun);
                   });
  return free;
}

bool WorkerTable::OthersIdle(const WorkerLedger& worker, absl::Time now) const {
  return std::any_of(
      workers_.begin(), workers_.end(), [&](const WorkerLedger& other) {
        return &other != &worker && other.in_flight == 0 && other.HasRoom(now);
      });
}

uint64_t WorkerTable::CountBound() const {
  uint64_t messages = 0;
  for (const WorkerLedger& worker : workers_) {
    for (const WorkItem* item : worker.bound) messages += item->remaining();
  }
  return messages;
}

bool WorkerTable::CheckInvariants() const {
  for (const WorkerLedger& worker : workers_) {
    MSGPROC_CHECK(worker.CheckInvariants());
  }
  return true;
}

std::vector<WorkerId> WorkerTable::Silent(absl::Time now,
                                          absl::Duration silence) const {
  std::vector<WorkerId> silent;
  for (const WorkerLedger& worker : workers_) {
    if (!worker.held.empty() && now - worker.progress > silence) {
      silent.push_back(worker.id);
    }
  }
  return silent;
}

void WorkerTable::TakeBound(std::vector<WorkItem*>* taken) {
  for (WorkerLedger& worker : workers_) {
    taken->insert(taken->end(), worker.bound.begin(), worker.bound.end());
    worker.bound.clear();
  }
}

}  // namespace msgproc::processor
