#include "services/processor/workers/dispatcher.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "common/check.h"

namespace msgproc::processor {
namespace {

constexpr int kMaxInFlight = 2;
// What an assignment carries at most, but for the first of its items.
constexpr int64_t kAssignmentNanoseconds = 250'000;
constexpr size_t kAssignmentBytes = 256 << 10;
constexpr size_t kAssignmentItems = 64;
// A second assignment goes to a worker that will be done with the first by
// then, as it would wait for work otherwise: the largest batches are as long.
constexpr int64_t kSecondAssignmentNanoseconds = 1'000'000;
// A worker this late with its first assignment gets no second one: that would
// be stuck behind a message that may never end.
constexpr absl::Duration kLate = absl::Milliseconds(20);
// A message of which nothing is known, when work is compared.
constexpr int64_t kUnknownNanoseconds = 100'000;
// Messages that travel one at a time and yet in one assignment.
constexpr uint64_t kOneAtATimeMessages = 64;

int64_t Cost(const WorkItem& item, uint64_t messages) {
  const int64_t each = item.message_nanoseconds > 0 ? item.message_nanoseconds
                                                    : kUnknownNanoseconds;
  return each * static_cast<int64_t>(messages);
}

// How much work is in an assignment, and whether one more item is too much.
class Load {
 public:
  bool Exceeds() const {
    return nanoseconds_ > kAssignmentNanoseconds || bytes_ > kAssignmentBytes;
  }
  void Add(const WorkItem& item) {
    nanoseconds_ += Cost(item, item.remaining());
    bytes_ += item.bytes;
  }

 private:
  int64_t nanoseconds_ = 0;
  size_t bytes_ = 0;
};

}  // namespace

Dispatcher::Worker* Dispatcher::Find(WorkerId id) {
  for (Worker& worker : workers_) {
    if (worker.id == id) return &worker;
  }
  return nullptr;
}

const Dispatcher::Worker* Dispatcher::Find(WorkerId id) const {
  for (const Worker& worker : workers_) {
    if (worker.id == id) return &worker;
  }
  return nullptr;
}

size_t Dispatcher::Open() const {
  return static_cast<size_t>(
      std::count_if(workers_.begin(), workers_.end(),
                    [](const Worker& worker) { return worker.open; }));
}

void Dispatcher::CountOpen(absl::Time now) {
  if (Open() > 1) {
    alone_since_ = absl::InfiniteFuture();
  } else {
    alone_since_ = std::min(alone_since_, now);
  }
}

void Dispatcher::AddWorker(WorkerId worker, absl::Time now) {
  workers_.emplace_back().id = worker;
  CountOpen(now);
}

void Dispatcher::RetireWorker(WorkerId id, absl::Time now) {
  Worker* worker = Find(id);
  if (worker == nullptr) return;
  worker->open = false;
  for (auto it = worker->own.rbegin(); it != worker->own.rend(); ++it) {
    Queue(*it, /*front=*/true);
  }
  worker->own.clear();
  CountOpen(now);
}

uint64_t Dispatcher::RemoveWorker(WorkerId id, absl::Time now,
                                  std::vector<WorkItem*>* given_up) {
  RetireWorker(id, now);
  Worker* worker = Find(id);
  if (worker == nullptr) return 0;
  const uint64_t held = worker->held_messages;
  std::vector<SessionLedger*> blamed;
  for (auto it = worker->held.rbegin(); it != worker->held.rend(); ++it) {
    WorkItem* item = it->part.item;
    SessionLedger& session = LedgerOf(*item);
    session.RemoveHeld(id);
    if (std::find(blamed.begin(), blamed.end(), &session) == blamed.end()) {
      blamed.push_back(&session);
    }
    if (!it->part.one_at_a_time) item->attempts_behind = 1;
    ++item->attempts;
    waiting_ += item->remaining();
    QueueSuspect(item, /*front=*/true);
    if (item->attempts >= options_.max_attempts) {
      session.suspects.pop_front();
      waiting_ -= item->remaining();
      given_up->push_back(item);
    }
  }
  for (SessionLedger* session : blamed) {
    worker->exclusive ? session->OnOwnDeath(now) : session->OnSharedDeath();
  }
  workers_.erase(workers_.begin() + (worker - workers_.data()));
  return held;
}

bool Dispatcher::HoldsSuspects(WorkerId worker) const {
  const Worker* found = Find(worker);
  return found != nullptr && found->quarantined;
}

bool Dispatcher::IsSuspect(const WorkItem& item) const {
  return item.attempts_behind > 0 || options_.max_attempts - item.attempts == 1;
}

void Dispatcher::Enqueue(WorkItem* item, absl::Time now) {
  item->ticket = next_ticket_++;
  waiting_ += item->remaining();
  SessionLedger& session = LedgerOf(*item);
  session.last_active = now;
  if (IsSuspect(*item)) {
    QueueSuspect(item, /*front=*/false);
    return;
  }
  Worker* own = session.Tainted(now) ? nullptr : Bound(*item);
  if (own != nullptr) {
    own->own.push_back(item);
  } else {
    Queue(item, /*front=*/false);
  }
}

Dispatcher::Worker* Dispatcher::Bound(const WorkItem& item) {
  Worker* worker = item.ordered ? Find(item.worker) : nullptr;
  return worker != nullptr && worker->open ? worker : nullptr;
}

void Dispatcher::Queue(WorkItem* item, bool front) {
  SessionLedger& session = LedgerOf(*item);
  front ? session.waiting.push_front(item) : session.waiting.push_back(item);
  if (session.queued) return;
  session.queued = true;
  turns_.push_back(&session);
}

void Dispatcher::QueueSuspect(WorkItem* item, bool front) {
  SessionLedger& session = LedgerOf(*item);
  if (!std::exchange(item->suspect, true)) ++session.suspects_open;
  front ? session.suspects.push_front(item) : session.suspects.push_back(item);
  if (session.watched) return;
  session.watched = true;
  watched_.push_back(&session);
}

void Dispatcher::Complete(WorkItem* item) {
  if (std::exchange(item->suspect, false)) {
    --LedgerOf(*item).suspects_open;
  }
}

bool Dispatcher::DropUnwanted(WorkItem* item) {
  if (!options_.wanted || options_.wanted(*item)) return false;
  waiting_ -= item->remaining();
  Complete(item);
  unwanted_.push_back(item);
  return true;
}

bool Dispatcher::HasRoom(const Worker& worker, absl::Time now) const {
  if (!worker.open || worker.reserved || worker.exclusive) return false;
  return worker.in_flight == 0 ||
         (worker.in_flight < kMaxInFlight &&
          worker.load_nanoseconds <= kSecondAssignmentNanoseconds &&
          now - worker.progress <= kLate);
}

bool Dispatcher::NextAssignment(absl::Time now, Assignment* assignment) {
  assignment->parts.clear();
  return NextIsolated(now, assignment) || NextShared(now, assignment);
}

absl::Time Dispatcher::NextDecision(absl::Time now) const {
  absl::Time next = absl::InfiniteFuture();
  for (const SessionLedger* session : watched_) {
    for (const absl::Time time :
         {session->not_before(), alone_since_ + kAlone}) {
      if (time > now) next = std::min(next, time);
    }
  }
  return next;
}

// Those over which the fewest workers have died come first, and of them those
// with the least to clear: the innocent are soon out of it. Otherwise in turn.
std::vector<SessionLedger*> Dispatcher::IsolatedInTurn(absl::Time now) {
  watched_.erase(std::remove_if(watched_.begin(), watched_.end(),
                                [now](SessionLedger* session) {
                                  session->watched =
                                      !session->suspects.empty() ||
                                      session->Tainted(now);
                                  return !session->watched;
                                }),
                 watched_.end());
  std::vector<SessionLedger*> sessions;
  for (SessionLedger* session : watched_) {
    if (session->not_before() <= now) sessions.push_back(session);
  }
  const auto key = [](const SessionLedger* session) {
    const int deaths = session->deaths();
    return std::make_tuple(deaths, deaths > 0 ? session->suspects_open : 0,
                           session->turn);
  };
  std::sort(sessions.begin(), sessions.end(),
            [&](const auto* a, const auto* b) { return key(a) < key(b); });
  return sessions;
}

// The next that somebody waits for.
WorkItem* Dispatcher::FirstWanted(std::deque<WorkItem*>* queue) {
  while (!queue->empty() && DropUnwanted(queue->front())) queue->pop_front();
  return queue->empty() ? nullptr : queue->front();
}

// What of a watched session may be given to a worker of its own now: its next
// suspect, or else, while it is tainted, what it has besides. With nobody else
// there, that may go anywhere.
WorkItem* Dispatcher::FirstIsolated(SessionLedger* session, absl::Time now) {
  const bool tainted = session->Tainted(now);
  WorkItem* suspect = FirstWanted(&session->suspects);
  if (!tainted) {
    return session->workers() < MaxWorkersOfOne() ? suspect : nullptr;
  }
  const bool may_quarantine = MayQuarantine(now);
  if (suspect != nullptr && may_quarantine) return suspect;
  const bool alone = watched_.size() == sessions_.size();
  return may_quarantine || alone ? FirstWanted(&session->waiting) : nullptr;
}

// Whether one more worker may be given to sessions over which workers die.
bool Dispatcher::MayQuarantine(absl::Time now) const {
  size_t quarantined = 0;
  for (const Worker& worker : workers_) {
    if (worker.open && (worker.quarantined || worker.reserved)) ++quarantined;
  }
  const size_t open = Open();
  if (quarantined >= std::max<size_t>(1, open / 2)) return false;
  if (open > 1 || watched_.size() == sessions_.size()) return true;
  if (options_.workers > 1 && now - alone_since_ < kAlone) return false;
  // The only one there is.
  const bool others_wait =
      std::any_of(turns_.begin(), turns_.end(),
                  [](const auto* session) { return !session->watched; }) ||
      std::any_of(workers_.begin(), workers_.end(),
                  [](const Worker& worker) { return !worker.own.empty(); });
  return !(isolated_last_ && others_wait);
}

// A worker that holds nothing: its own one if it has one.
Dispatcher::Worker* Dispatcher::IdleFor(const WorkItem& item) {
  if (Worker* own = Bound(item); own != nullptr) {
    return own->held.empty() && !own->reserved ? own : nullptr;
  }
  for (Worker& worker : workers_) {
    if (worker.open && worker.held.empty() && !worker.reserved) return &worker;
  }
  return nullptr;
}

// A worker to keep new work from, so that the item finds it with nothing.
// As it is always the one with the least to do, it comes to that.
Dispatcher::Worker* Dispatcher::ReservableFor(const WorkItem& item) {
  const auto reservable = [](const Worker& worker) {
    return worker.open && !worker.reserved && !worker.exclusive;
  };
  if (Worker* own = Bound(item); own != nullptr) {
    return reservable(*own) ? own : nullptr;
  }
  Worker* least = nullptr;
  for (Worker& worker : workers_) {
    if (reservable(worker) &&
        (least == nullptr ||
         worker.load_nanoseconds < least->load_nanoseconds)) {
      least = &worker;
    }
  }
  return least;
}

bool Dispatcher::NextIsolated(absl::Time now, Assignment* assignment) {
  for (Worker& worker : workers_) worker.reserved = false;
  if (watched_.empty()) return false;
  for (SessionLedger* session : IsolatedInTurn(now)) {
    const WorkItem* item = FirstIsolated(session, now);
    if (item == nullptr) continue;
    Worker* worker = IdleFor(*item);
    if (worker == nullptr) {
      worker = session->Tainted(now) ? ReservableFor(*item) : nullptr;
      if (worker != nullptr) worker->reserved = true;
      continue;
    }
    worker->exclusive = true;
    worker->quarantined = session->Tainted(now);
    session->turn = next_ticket_++;
    isolated_last_ = true;
    if (item->suspect) {
      AssignSuspect(session, worker, now, assignment);
    } else {
      AssignExclusively(session, worker, now, assignment);
    }
    Assign(worker, assignment);
    return true;
  }
  return false;
}

void Dispatcher::AssignSuspect(SessionLedger* session, Worker* worker,
                               absl::Time now, Assignment* assignment) {
  WorkItem* item = session->suspects.front();
  session->suspects.pop_front();
  const bool last_time = options_.max_attempts - item->attempts == 1;
  const uint64_t messages =
      last_time ? 1 : std::min(item->remaining(), kOneAtATimeMessages);
  waiting_ -= item->remaining();
  Give(worker, {.item = item, .messages = messages, .one_at_a_time = true}, now,
       assignment);
}

void Dispatcher::AssignExclusively(SessionLedger* session, Worker* worker,
                                   absl::Time now, Assignment* assignment) {
  Load load;
  while (!session->waiting.empty() &&
         assignment->parts.size() < kAssignmentItems) {
    WorkItem* item = session->waiting.front();
    load.Add(*item);
    if (!assignment->parts.empty() && load.Exceeds()) break;
    session->waiting.pop_front();
    waiting_ -= item->remaining();
    Give(worker, {.item = item, .messages = item->remaining()}, now,
         assignment);
  }
}

// Sessions over which workers die have their own bound.
size_t Dispatcher::MaxWorkersOfOne() const {
  const auto tainted = static_cast<size_t>(
      std::count_if(watched_.begin(), watched_.end(),
                    [](const auto* session) { return session->deaths() > 0; }));
  if (sessions_.size() - tainted <= 1) return SIZE_MAX;
  return std::max<size_t>(1, (Open() + 1) / 2);
}

// The next session in turn that may use the worker; it is moved to the front.
SessionLedger* Dispatcher::NextSession(const Worker& worker, absl::Time now) {
  const size_t most = MaxWorkersOfOne();
  for (auto it = turns_.begin(); it != turns_.end();) {
    SessionLedger* session = *it;
    if (session->waiting.empty()) {
      session->queued = false;
      it = turns_.erase(it);
      continue;
    }
    const bool may = !session->Tainted(now) &&
                     (session->HoldsOn(worker.id) || session->workers() < most);
    WorkItem* item = session->waiting.front();
    if (may && DropUnwanted(item)) {
      session->waiting.pop_front();
      continue;
    }
    const Worker* bound = may ? Bound(*item) : nullptr;
    if (!may || (bound != nullptr && bound != &worker)) {
      ++it;
      continue;
    }
    if (it != turns_.begin()) {
      turns_.erase(it);
      turns_.push_front(session);
    }
    return session;
  }
  return nullptr;
}

// Of those bound to the worker and those for all, the one that has waited
// longest.
WorkItem* Dispatcher::NextFor(Worker* worker, absl::Time now) {
  while (!worker->own.empty() && DropUnwanted(worker->own.front())) {
    worker->own.pop_front();
  }
  const SessionLedger* session = NextSession(*worker, now);
  if (session == nullptr) {
    return worker->own.empty() ? nullptr : worker->own.front();
  }
  WorkItem* item = session->waiting.front();
  return !worker->own.empty() && worker->own.front()->ticket < item->ticket
             ? worker->own.front()
             : item;
}

Dispatcher::Choice Dispatcher::ChooseShared(absl::Time now) {
  std::vector<Worker*> free;
  for (Worker& worker : workers_) {
    if (HasRoom(worker, now)) free.push_back(&worker);
  }
  std::stable_sort(free.begin(), free.end(),
                   [](const Worker* a, const Worker* b) {
                     return std::tie(a->load_nanoseconds, a->bound) <
                            std::tie(b->load_nanoseconds, b->bound);
                   });
  for (Worker* worker : free) {
    WorkItem* item = NextFor(worker, now);
    if (item != nullptr) return {worker, item};
  }
  return {};
}

bool Dispatcher::OthersIdle(const Worker& worker, absl::Time now) const {
  return std::any_of(
      workers_.begin(), workers_.end(), [&](const Worker& other) {
        return &other != &worker && other.in_flight == 0 && HasRoom(other, now);
      });
}

// NextFor has just returned it.
void Dispatcher::TakeShared(Worker* worker, WorkItem* item) {
  if (item->ordered && item->worker != worker->id) ++worker->bound;
  waiting_ -= item->remaining();
  if (!worker->own.empty() && worker->own.front() == item) {
    worker->own.pop_front();
    return;
  }
  SessionLedger* session = turns_.front();
  MSGPROC_CHECK_EQ(session->waiting.front(), item);
  session->waiting.pop_front();
  turns_.pop_front();
  session->queued = !session->waiting.empty();
  if (session->queued) turns_.push_back(session);
}

bool Dispatcher::NextShared(absl::Time now, Assignment* assignment) {
  if (waiting_ == 0) return false;
  const auto [worker, first] = ChooseShared(now);
  if (worker == nullptr) return false;
  const bool others_idle = OthersIdle(*worker, now);
  const size_t most = MaxWorkersOfOne();
  Load load;
  WorkItem* next = first;
  while (next != nullptr && assignment->parts.size() < kAssignmentItems) {
    load.Add(*next);
    if (!assignment->parts.empty()) {
      const bool elsewhere = others_idle && Bound(*next) == nullptr &&
                             LedgerOf(*next).workers() < most;
      if (elsewhere || load.Exceeds()) break;
    }
    TakeShared(worker, next);
    Give(worker, {.item = next, .messages = next->remaining()}, now,
         assignment);
    next = NextFor(worker, now);
  }
  isolated_last_ = false;
  Assign(worker, assignment);
  return true;
}

void Dispatcher::Give(Worker* worker, const Part& part, absl::Time now,
                      Assignment* assignment) {
  if (worker->held.empty()) worker->progress = now;
  part.item->worker = worker->id;
  LedgerOf(*part.item).AddHeld(worker->id);
  worker->held.push_back({part, false});
  worker->load_nanoseconds += Cost(*part.item, part.messages);
  worker->held_messages += part.messages;
  worker->given_messages += part.messages;
  assignment->parts.push_back(part);
}

void Dispatcher::Assign(Worker* worker, Assignment* assignment) {
  assignment->worker = worker->id;
  worker->held.back().last_of_assignment = true;
  ++worker->in_flight;
}

WorkItem* Dispatcher::OnAnswered(WorkerId id, uint64_t messages,
                                 absl::Time now) {
  Worker* worker = Find(id);
  Held& oldest = worker->held.front();
  WorkItem* item = oldest.part.item;
  item->answered += messages;
  item->attempts = item->attempts_behind;
  oldest.part.messages -= messages;
  worker->load_nanoseconds -= Cost(*item, messages);
  worker->held_messages -= messages;
  worker->progress = now;
  if (oldest.part.messages > 0) return nullptr;
  if (oldest.last_of_assignment) --worker->in_flight;
  worker->held.pop_front();
  SessionLedger& session = LedgerOf(*item);
  session.RemoveHeld(id);
  session.last_active = now;
  if (worker->held.empty()) worker->exclusive = worker->quarantined = false;
  if (item->remaining() == 0) {
    Complete(item);
    return item;
  }
  waiting_ += item->remaining();
  QueueSuspect(item, /*front=*/true);
  return nullptr;
}

bool Dispatcher::GiveUp(WorkItem* item) {
  ++item->answered;
  item->attempts = item->attempts_behind;
  if (item->remaining() == 0) {
    Complete(item);
    return true;
  }
  waiting_ += item->remaining();
  QueueSuspect(item, /*front=*/true);
  return false;
}

std::vector<WorkerId> Dispatcher::Silent(absl::Time now,
                                         absl::Duration silence) const {
  std::vector<WorkerId> silent;
  for (const Worker& worker : workers_) {
    if (!worker.held.empty() && now - worker.progress > silence) {
      silent.push_back(worker.id);
    }
  }
  return silent;
}

std::vector<WorkItem*> Dispatcher::TakeWaiting() {
  std::vector<WorkItem*> taken;
  for (auto& [id, session] : sessions_) {
    for (auto* queue : {&session.suspects, &session.waiting}) {
      taken.insert(taken.end(), queue->begin(), queue->end());
      queue->clear();
    }
    session.queued = false;
  }
  for (Worker& worker : workers_) {
    taken.insert(taken.end(), worker.own.begin(), worker.own.end());
    worker.own.clear();
  }
  for (WorkItem* item : taken) Complete(item);
  turns_.clear();
  waiting_ = 0;
  return taken;
}

std::vector<WorkItem*> Dispatcher::TakeUnwanted() {
  return std::exchange(unwanted_, {});
}

void Dispatcher::Tidy(absl::Time now) {
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    it = it->second.Forgettable(now) ? sessions_.erase(it) : std::next(it);
  }
}

bool Dispatcher::Idle(WorkerId worker) const {
  const Worker* found = Find(worker);
  return found == nullptr || found->held.empty();
}

bool Dispatcher::Empty() const {
  return waiting_ == 0 &&
         std::all_of(workers_.begin(), workers_.end(),
                     [](const Worker& worker) { return worker.held.empty(); });
}

uint64_t Dispatcher::held(WorkerId worker) const {
  const Worker* found = Find(worker);
  return found == nullptr ? 0 : found->held_messages;
}

uint64_t Dispatcher::given(WorkerId worker) const {
  const Worker* found = Find(worker);
  return found == nullptr ? 0 : found->given_messages;
}

}  // namespace msgproc::processor
