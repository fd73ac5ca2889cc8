#include "services/processor/workers/dispatcher.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "services/processor/workers/assignment_load.h"

namespace msgproc::processor {
namespace {

// What an assignment carries at most, beside its AssignmentLoad.
constexpr size_t kAssignmentItems = 64;
// Messages that travel one at a time and yet in one assignment.
constexpr uint64_t kOneAtATimeMessages = 64;

}  // namespace

Dispatcher::Dispatcher(Options options) : options_(std::move(options)) {
  MSGPROC_CHECK_GE(options_.max_attempts, 1);
}

bool Dispatcher::CheckInvariants() const {
  MSGPROC_CHECK(workers_.CheckInvariants());
  MSGPROC_CHECK(sessions_.CheckInvariants());
  MSGPROC_CHECK_EQ(waiting_, sessions_.CountWaiting() + workers_.CountBound());
  return true;
}

void Dispatcher::CountOpen(absl::Time now) {
  if (workers_.open() > 1) {
    alone_since_ = absl::InfiniteFuture();
  } else {
    alone_since_ = std::min(alone_since_, now);
  }
}

void Dispatcher::AddWorker(WorkerId worker, absl::Time now) {
  workers_.Add(worker);
  CountOpen(now);
  MSGPROC_DCHECK(CheckInvariants());
}

void Dispatcher::RetireWorker(WorkerId id, absl::Time now) {
  WorkerLedger* worker = workers_.Find(id);
  if (worker == nullptr) return;
  if (worker->open()) worker->life.ChangePhase(WorkerPhase::kRetiring);
  for (auto it = worker->bound.rbegin(); it != worker->bound.rend(); ++it) {
    sessions_.Queue(*it, /*front=*/true);
  }
  worker->bound.clear();
  CountOpen(now);
  MSGPROC_DCHECK(CheckInvariants());
}

uint64_t Dispatcher::RemoveWorker(WorkerId id, absl::Time now,
                                  uint64_t unwritten,
                                  std::vector<WorkItem*>* given_up) {
  RetireWorker(id, now);
  WorkerLedger* worker = workers_.Find(id);
  if (worker == nullptr) return 0;
  const uint64_t held = worker->held_messages;
  std::vector<SessionLedger*> blamed;
  for (auto it = worker->held.rbegin(); it != worker->held.rend(); ++it) {
    WorkItem* item = it->part.item;
    SessionLedger& session = sessions_.Of(*item);
    session.RemoveHeld(id);
    if (unwritten >= it->part.messages) {
      unwritten -= it->part.messages;
      WaitUntried(item);
      continue;
    }
    unwritten = 0;
    if (std::find(blamed.begin(), blamed.end(), &session) == blamed.end()) {
      blamed.push_back(&session);
    }
    if (!it->part.one_at_a_time) item->attempts_behind = 1;
    ++item->attempts;
    MSGPROC_CHECK_LE(item->attempts, options_.max_attempts);
    Wait(item);
    if (item->attempts == options_.max_attempts) {
      MSGPROC_CHECK_EQ(session.suspects.front(), item);
      session.suspects.pop_front();
      waiting_ -= item->remaining();
      given_up->push_back(item);
    }
  }
  for (SessionLedger* session : blamed) {
    worker->exclusive ? session->OnOwnDeath(now) : session->OnSharedDeath();
  }
  workers_.Remove(worker);
  MSGPROC_DCHECK(CheckInvariants());
  return held;
}

bool Dispatcher::HoldsSuspects(WorkerId worker) const {
  const WorkerLedger* found = workers_.Find(worker);
  return found != nullptr && found->quarantined;
}

void Dispatcher::Enqueue(WorkItem* item, absl::Time now) {
  MSGPROC_CHECK_GT(item->remaining(), 0u);
  MSGPROC_CHECK_EQ(item->attempts, item->attempts_behind);
  // Whatever was before, they are tried: the Error is of a death seen here.
  item->attempts = item->attempts_behind =
      std::min(item->attempts, options_.max_attempts - 1);
  item->ticket = next_ticket_++;
  waiting_ += item->remaining();
  SessionLedger& session = sessions_.Of(*item);
  session.last_active = now;
  // Workers have died over it before, or its first attempt may be its last.
  if (item->attempts > 0 || options_.max_attempts == 1) {
    sessions_.QueueSuspect(item, /*front=*/false);
  } else if (WorkerLedger* own =
                 session.Tainted(now) ? nullptr : workers_.BoundTo(*item);
             own != nullptr) {
    own->bound.push_back(item);
  } else {
    sessions_.Queue(item, /*front=*/false);
  }
  MSGPROC_DCHECK(CheckInvariants());
}

// It was given to a worker, and waits again, before what is behind it.
void Dispatcher::Wait(WorkItem* item) {
  MSGPROC_CHECK_GT(item->remaining(), 0u);
  waiting_ += item->remaining();
  sessions_.QueueSuspect(item, /*front=*/true);
}

// It was given to a worker that never got it, and waits as it did.
void Dispatcher::WaitUntried(WorkItem* item) {
  waiting_ += item->remaining();
  item->suspect ? sessions_.QueueSuspect(item, /*front=*/true)
                : sessions_.Queue(item, /*front=*/true);
}

bool Dispatcher::DropUnwanted(WorkItem* item) {
  if (!options_.wanted || options_.wanted(*item)) return false;
  MSGPROC_CHECK_GE(waiting_, item->remaining());
  waiting_ -= item->remaining();
  sessions_.OnComplete(item);
  unwanted_.push_back(item);
  return true;
}

bool Dispatcher::NextAssignment(absl::Time now, Assignment* assignment) {
  assignment->parts.clear();
  const bool found =
      NextIsolated(now, assignment) || NextShared(now, assignment);
  MSGPROC_CHECK_EQ(found, !assignment->parts.empty());
  MSGPROC_DCHECK(CheckInvariants());
  return found;
}

absl::Time Dispatcher::NextDecision(absl::Time now) const {
  return sessions_.NextChange(now, alone_since_ + kAlone);
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
  return may_quarantine || sessions_.AllWatched()
             ? FirstWanted(&session->waiting)
             : nullptr;
}

// Whether one more worker may be given to sessions over which workers die.
bool Dispatcher::MayQuarantine(absl::Time now) const {
  const size_t open = workers_.open();
  if (workers_.quarantined() >= std::max<size_t>(1, open / 2)) return false;
  if (open > 1 || sessions_.AllWatched()) return true;
  if (options_.workers > 1 && now - alone_since_ < kAlone) return false;
  // The only one there is.
  const bool others_wait = sessions_.OthersWait() || workers_.BoundWait();
  return !(isolated_last_ && others_wait);
}

bool Dispatcher::NextIsolated(absl::Time now, Assignment* assignment) {
  workers_.ReleaseReservations();
  if (!sessions_.AnyWatched()) return false;
  for (SessionLedger* session : sessions_.Isolated(now)) {
    const WorkItem* item = FirstIsolated(session, now);
    if (item == nullptr) continue;
    WorkerLedger* worker = workers_.IdleFor(*item);
    if (worker == nullptr) {
      worker = session->Tainted(now) ? workers_.ReservableFor(*item) : nullptr;
      if (worker != nullptr) worker->reserved = true;
      continue;
    }
    MSGPROC_CHECK(worker->held.empty() && !worker->exclusive);
    worker->exclusive = true;
    worker->quarantined = session->Tainted(now);
    session->turn = next_ticket_++;
    isolated_last_ = true;
    if (item->suspect) {
      AssignSuspect(session, worker, now, assignment);
    } else {
      AssignExclusively(session, worker, now, assignment);
    }
    return true;
  }
  return false;
}

void Dispatcher::AssignSuspect(SessionLedger* session, WorkerLedger* worker,
                               absl::Time now, Assignment* assignment) {
  MSGPROC_CHECK(!session->suspects.empty());
  WorkItem* item = session->suspects.front();
  session->suspects.pop_front();
  MSGPROC_CHECK_LT(item->attempts, options_.max_attempts);
  const bool last_time = options_.max_attempts - item->attempts == 1;
  const uint64_t messages =
      last_time ? 1 : std::min(item->remaining(), kOneAtATimeMessages);
  Give(worker, {.item = item, .messages = messages, .one_at_a_time = true}, now,
       assignment);
  worker->OnAssigned();
}

void Dispatcher::AssignExclusively(SessionLedger* session, WorkerLedger* worker,
                                   absl::Time now, Assignment* assignment) {
  AssignmentLoad load;
  while (!session->waiting.empty() &&
         assignment->parts.size() < kAssignmentItems) {
    WorkItem* item = session->waiting.front();
    load.Add(*item);
    if (!assignment->parts.empty() && load.Exceeds()) break;
    session->waiting.pop_front();
    Give(worker, {.item = item, .messages = item->remaining()}, now,
         assignment);
  }
  worker->OnAssigned();
}

// Of those bound to the worker and those for all, the one that has waited
// longest.
WorkItem* Dispatcher::NextFor(WorkerLedger* worker, absl::Time now) {
  WorkItem* bound = FirstWanted(&worker->bound);
  const size_t most = MaxWorkersOfOne();
  const auto may = [&](SessionLedger* session) {
    if (session->Tainted(now)) return false;
    if (!session->HoldsOn(worker->id) && session->workers() >= most) {
      return false;
    }
    const WorkerLedger* own = workers_.BoundTo(*session->waiting.front());
    return own == nullptr || own == worker;
  };
  const SessionLedger* session = sessions_.NextInTurn(
      may, [this](WorkItem* item) { return DropUnwanted(item); });
  if (session == nullptr) return bound;
  WorkItem* item = session->waiting.front();
  return bound != nullptr && bound->ticket < item->ticket ? bound : item;
}

Dispatcher::Choice Dispatcher::ChooseShared(absl::Time now) {
  for (WorkerLedger* worker : workers_.WithRoom(now)) {
    WorkItem* item = NextFor(worker, now);
    if (item != nullptr) return {worker, item};
  }
  return {};
}

// NextFor has just returned it.
void Dispatcher::TakeShared(WorkerLedger* worker, WorkItem* item) {
  if (item->ordered && item->worker != worker->id) ++worker->sessions_begun;
  if (!worker->bound.empty() && worker->bound.front() == item) {
    worker->bound.pop_front();
  } else {
    sessions_.TakeFirst(item);
  }
}

bool Dispatcher::NextShared(absl::Time now, Assignment* assignment) {
  if (waiting_ == 0) return false;
  const auto [worker, first] = ChooseShared(now);
  if (worker == nullptr) return false;
  const bool others_idle = workers_.OthersIdle(*worker, now);
  const size_t most = MaxWorkersOfOne();
  AssignmentLoad load;
  WorkItem* next = first;
  while (next != nullptr && assignment->parts.size() < kAssignmentItems) {
    load.Add(*next);
    if (!assignment->parts.empty()) {
      const bool elsewhere = others_idle &&
                             workers_.BoundTo(*next) == nullptr &&
                             sessions_.Of(*next).workers() < most;
      if (elsewhere || load.Exceeds()) break;
    }
    TakeShared(worker, next);
    Give(worker, {.item = next, .messages = next->remaining()}, now,
         assignment);
    next = NextFor(worker, now);
  }
  isolated_last_ = false;
  worker->OnAssigned();
  return true;
}

// All of the item goes out of what waits; what is left of it waits again once
// the part is answered.
void Dispatcher::Give(WorkerLedger* worker, Assignment::Part part,
                      absl::Time now, Assignment* assignment) {
  MSGPROC_CHECK(worker->open());
  part.attempt = part.item->earlier_tries + part.item->attempts + 1;
  part.attempt_behind =
      part.item->earlier_tries + part.item->attempts_behind + 1;
  // A frame has one number for all of its messages.
  MSGPROC_CHECK(part.one_at_a_time || part.attempt == part.attempt_behind);
  MSGPROC_CHECK_GE(waiting_, part.item->remaining());
  waiting_ -= part.item->remaining();
  part.item->worker = worker->id;
  sessions_.Of(*part.item).AddHeld(worker->id);
  worker->Hold(part, now);
  assignment->worker = worker->id;
  assignment->parts.push_back(part);
}

WorkItem* Dispatcher::OnAnswered(WorkerId id, uint64_t messages,
                                 absl::Time now) {
  WorkerLedger* worker = workers_.Find(id);
  MSGPROC_CHECK(worker != nullptr && !worker->held.empty());
  WorkItem* item = worker->held.front().part.item;
  const bool part_done = worker->OnAnswered(messages, now);
  item->answered += messages;
  item->attempts = item->attempts_behind;
  if (!part_done) return nullptr;
  SessionLedger& session = sessions_.Of(*item);
  session.RemoveHeld(id);
  session.last_active = now;
  const bool complete = item->remaining() == 0;
  complete ? sessions_.OnComplete(item) : Wait(item);
  MSGPROC_DCHECK(CheckInvariants());
  return complete ? item : nullptr;
}

bool Dispatcher::GiveUp(WorkItem* item) {
  MSGPROC_CHECK_GT(item->remaining(), 0u);
  ++item->answered;
  item->attempts = item->attempts_behind;
  const bool complete = item->remaining() == 0;
  complete ? sessions_.OnComplete(item) : Wait(item);
  MSGPROC_DCHECK(CheckInvariants());
  return complete;
}

std::vector<WorkItem*> Dispatcher::TakeWaiting() {
  std::vector<WorkItem*> taken;
  sessions_.TakeWaiting(&taken);
  workers_.TakeBound(&taken);
  for (WorkItem* item : taken) sessions_.OnComplete(item);
  waiting_ = 0;
  MSGPROC_DCHECK(CheckInvariants());
  return taken;
}

std::vector<WorkItem*> Dispatcher::TakeUnwanted() {
  return std::exchange(unwanted_, {});
}

bool Dispatcher::Idle(WorkerId worker) const {
  const WorkerLedger* found = workers_.Find(worker);
  return found == nullptr || found->held.empty();
}

std::vector<WorkItem*> Dispatcher::HeldOf(WorkerId worker,
                                          uint64_t session) const {
  const WorkerLedger* found = workers_.Find(worker);
  return found == nullptr ? std::vector<WorkItem*>() : found->HeldOf(session);
}

uint64_t Dispatcher::held(WorkerId worker) const {
  const WorkerLedger* found = workers_.Find(worker);
  return found == nullptr ? 0 : found->held_messages;
}

uint64_t Dispatcher::given(WorkerId worker) const {
  const WorkerLedger* found = workers_.Find(worker);
  return found == nullptr ? 0 : found->given_messages;
}

WorkerLoad Dispatcher::LoadOf(WorkerId worker) const {
  const WorkerLedger* found = workers_.Find(worker);
  return found == nullptr ? WorkerLoad() : found->Load();
}

}  // namespace msgproc::processor
