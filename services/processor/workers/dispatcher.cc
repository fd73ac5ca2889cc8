#include "services/processor/workers/dispatcher.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "common/check.h"

namespace msgproc::processor {
namespace {

constexpr int kMaxFlights = 2;
// What a flight carries at most, but for the first of its deliveries.
constexpr int64_t kFlightNanoseconds = 250'000;
constexpr size_t kFlightBytes = 256 << 10;
constexpr size_t kFlightDeliveries = 64;
// A second flight goes to a worker that will be done with the first by then, as
// it would wait for work otherwise: the largest batches are as long.
constexpr int64_t kSecondFlightNanoseconds = 1'000'000;
// A worker this late with its first flight gets no second one: that would be
// stuck behind a message that may never end.
constexpr absl::Duration kLate = absl::Milliseconds(20);
// A message of which nothing is known, when work is compared.
constexpr int64_t kUnknownNanoseconds = 100'000;
// Messages that travel apart and yet in one flight.
constexpr uint64_t kApartMessages = 64;

int64_t Cost(const Delivery& delivery, uint64_t messages) {
  const int64_t each = delivery.message_nanoseconds > 0
                           ? delivery.message_nanoseconds
                           : kUnknownNanoseconds;
  return each * static_cast<int64_t>(messages);
}

// How much work is in a flight, and whether one more delivery is too much.
class Load {
 public:
  bool Exceeds() const {
    return nanoseconds_ > kFlightNanoseconds || bytes_ > kFlightBytes;
  }
  void Add(const Delivery& delivery) {
    nanoseconds_ += Cost(delivery, delivery.remaining());
    bytes_ += delivery.bytes;
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
                                  std::vector<Delivery*>* given_up) {
  RetireWorker(id, now);
  Worker* worker = Find(id);
  if (worker == nullptr) return 0;
  const uint64_t held = worker->held_messages;
  std::vector<SessionLedger*> blamed;
  for (auto it = worker->held.rbegin(); it != worker->held.rend(); ++it) {
    Delivery* delivery = it->consignment.delivery;
    SessionLedger& session = LedgerOf(*delivery);
    session.RemoveHeld(id);
    if (std::find(blamed.begin(), blamed.end(), &session) == blamed.end()) {
      blamed.push_back(&session);
    }
    if (!it->consignment.apart) delivery->attempts_behind = 1;
    ++delivery->attempts;
    waiting_ += delivery->remaining();
    QueueSuspect(delivery, /*front=*/true);
    if (delivery->attempts >= options_.max_attempts) {
      session.suspects.pop_front();
      waiting_ -= delivery->remaining();
      given_up->push_back(delivery);
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
  return found != nullptr && found->lent;
}

bool Dispatcher::IsSuspect(const Delivery& delivery) const {
  return delivery.attempts_behind > 0 ||
         options_.max_attempts - delivery.attempts == 1;
}

void Dispatcher::Enqueue(Delivery* delivery, absl::Time now) {
  delivery->ticket = next_ticket_++;
  waiting_ += delivery->remaining();
  SessionLedger& session = LedgerOf(*delivery);
  session.last_active = now;
  if (IsSuspect(*delivery)) {
    QueueSuspect(delivery, /*front=*/false);
    return;
  }
  Worker* own = session.Tainted(now) ? nullptr : Bound(*delivery);
  if (own != nullptr) {
    own->own.push_back(delivery);
  } else {
    Queue(delivery, /*front=*/false);
  }
}

Dispatcher::Worker* Dispatcher::Bound(const Delivery& delivery) {
  Worker* worker = delivery.ordered ? Find(delivery.worker) : nullptr;
  return worker != nullptr && worker->open ? worker : nullptr;
}

void Dispatcher::Queue(Delivery* delivery, bool front) {
  SessionLedger& session = LedgerOf(*delivery);
  front ? session.waiting.push_front(delivery)
        : session.waiting.push_back(delivery);
  if (session.queued) return;
  session.queued = true;
  turns_.push_back(&session);
}

void Dispatcher::QueueSuspect(Delivery* delivery, bool front) {
  SessionLedger& session = LedgerOf(*delivery);
  if (!std::exchange(delivery->suspect, true)) ++session.suspects_open;
  front ? session.suspects.push_front(delivery)
        : session.suspects.push_back(delivery);
  if (session.watched) return;
  session.watched = true;
  watched_.push_back(&session);
}

void Dispatcher::Complete(Delivery* delivery) {
  if (std::exchange(delivery->suspect, false)) {
    --LedgerOf(*delivery).suspects_open;
  }
}

bool Dispatcher::DropUnwanted(Delivery* delivery) {
  if (!options_.wanted || options_.wanted(*delivery)) return false;
  waiting_ -= delivery->remaining();
  Complete(delivery);
  unwanted_.push_back(delivery);
  return true;
}

bool Dispatcher::HasRoom(const Worker& worker, absl::Time now) const {
  if (!worker.open || worker.reserved || worker.exclusive) return false;
  return worker.flights == 0 ||
         (worker.flights < kMaxFlights &&
          worker.load_nanoseconds <= kSecondFlightNanoseconds &&
          now - worker.progress <= kLate);
}

bool Dispatcher::NextFlight(absl::Time now, Flight* flight) {
  flight->consignments.clear();
  return NextApart(now, flight) || NextShared(now, flight);
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
std::vector<SessionLedger*> Dispatcher::ApartInTurn(absl::Time now) {
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
Delivery* Dispatcher::FirstWanted(std::deque<Delivery*>* queue) {
  while (!queue->empty() && DropUnwanted(queue->front())) queue->pop_front();
  return queue->empty() ? nullptr : queue->front();
}

// What of a watched session may be given to a worker of its own now: its next
// suspect, or else, while it is tainted, what it has besides. With nobody else
// there, that may go anywhere.
Delivery* Dispatcher::FirstApart(SessionLedger* session, absl::Time now) {
  const bool tainted = session->Tainted(now);
  Delivery* suspect = FirstWanted(&session->suspects);
  if (!tainted) {
    return session->workers() < MaxWorkersOfOne() ? suspect : nullptr;
  }
  const bool may_lend = MayLend(now);
  if (suspect != nullptr && may_lend) return suspect;
  const bool alone = watched_.size() == sessions_.size();
  return may_lend || alone ? FirstWanted(&session->waiting) : nullptr;
}

// Whether one more worker may be given to sessions over which workers die.
bool Dispatcher::MayLend(absl::Time now) const {
  size_t lent = 0;
  for (const Worker& worker : workers_) {
    if (worker.open && (worker.lent || worker.reserved)) ++lent;
  }
  const size_t open = Open();
  if (lent >= std::max<size_t>(1, open / 2)) return false;
  if (open > 1 || watched_.size() == sessions_.size()) return true;
  if (options_.workers > 1 && now - alone_since_ < kAlone) return false;
  // The only one there is.
  const bool others_wait =
      std::any_of(turns_.begin(), turns_.end(),
                  [](const auto* session) { return !session->watched; }) ||
      std::any_of(workers_.begin(), workers_.end(),
                  [](const Worker& worker) { return !worker.own.empty(); });
  return !(apart_last_ && others_wait);
}

// A worker that holds nothing: its own one if it has one.
Dispatcher::Worker* Dispatcher::IdleFor(const Delivery& delivery) {
  if (Worker* own = Bound(delivery); own != nullptr) {
    return own->held.empty() && !own->reserved ? own : nullptr;
  }
  for (Worker& worker : workers_) {
    if (worker.open && worker.held.empty() && !worker.reserved) return &worker;
  }
  return nullptr;
}

// A worker to keep new work from, so that the delivery finds it with nothing.
// As it is always the one with the least to do, it comes to that.
Dispatcher::Worker* Dispatcher::ReservableFor(const Delivery& delivery) {
  const auto reservable = [](const Worker& worker) {
    return worker.open && !worker.reserved && !worker.exclusive;
  };
  if (Worker* own = Bound(delivery); own != nullptr) {
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

bool Dispatcher::NextApart(absl::Time now, Flight* flight) {
  for (Worker& worker : workers_) worker.reserved = false;
  if (watched_.empty()) return false;
  for (SessionLedger* session : ApartInTurn(now)) {
    const Delivery* delivery = FirstApart(session, now);
    if (delivery == nullptr) continue;
    Worker* worker = IdleFor(*delivery);
    if (worker == nullptr) {
      worker = session->Tainted(now) ? ReservableFor(*delivery) : nullptr;
      if (worker != nullptr) worker->reserved = true;
      continue;
    }
    worker->exclusive = true;
    worker->lent = session->Tainted(now);
    session->turn = next_ticket_++;
    apart_last_ = true;
    if (delivery->suspect) {
      FlySuspect(session, worker, now, flight);
    } else {
      FlyAlone(session, worker, now, flight);
    }
    Depart(worker, flight);
    return true;
  }
  return false;
}

void Dispatcher::FlySuspect(SessionLedger* session, Worker* worker,
                            absl::Time now, Flight* flight) {
  Delivery* delivery = session->suspects.front();
  session->suspects.pop_front();
  const bool last_time = options_.max_attempts - delivery->attempts == 1;
  const uint64_t messages =
      last_time ? 1 : std::min(delivery->remaining(), kApartMessages);
  waiting_ -= delivery->remaining();
  Give(worker, {.delivery = delivery, .messages = messages, .apart = true}, now,
       flight);
}

void Dispatcher::FlyAlone(SessionLedger* session, Worker* worker,
                          absl::Time now, Flight* flight) {
  Load load;
  while (!session->waiting.empty() &&
         flight->consignments.size() < kFlightDeliveries) {
    Delivery* delivery = session->waiting.front();
    load.Add(*delivery);
    if (!flight->consignments.empty() && load.Exceeds()) break;
    session->waiting.pop_front();
    waiting_ -= delivery->remaining();
    Give(worker, {.delivery = delivery, .messages = delivery->remaining()}, now,
         flight);
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
    Delivery* delivery = session->waiting.front();
    if (may && DropUnwanted(delivery)) {
      session->waiting.pop_front();
      continue;
    }
    const Worker* bound = may ? Bound(*delivery) : nullptr;
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
Delivery* Dispatcher::NextFor(Worker* worker, absl::Time now) {
  while (!worker->own.empty() && DropUnwanted(worker->own.front())) {
    worker->own.pop_front();
  }
  const SessionLedger* session = NextSession(*worker, now);
  if (session == nullptr) {
    return worker->own.empty() ? nullptr : worker->own.front();
  }
  Delivery* delivery = session->waiting.front();
  return !worker->own.empty() && worker->own.front()->ticket < delivery->ticket
             ? worker->own.front()
             : delivery;
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
    Delivery* delivery = NextFor(worker, now);
    if (delivery != nullptr) return {worker, delivery};
  }
  return {};
}

bool Dispatcher::OthersIdle(const Worker& worker, absl::Time now) const {
  return std::any_of(
      workers_.begin(), workers_.end(), [&](const Worker& other) {
        return &other != &worker && other.flights == 0 && HasRoom(other, now);
      });
}

// NextFor has just returned it.
void Dispatcher::TakeShared(Worker* worker, Delivery* delivery) {
  if (delivery->ordered && delivery->worker != worker->id) ++worker->bound;
  waiting_ -= delivery->remaining();
  if (!worker->own.empty() && worker->own.front() == delivery) {
    worker->own.pop_front();
    return;
  }
  SessionLedger* session = turns_.front();
  MSGPROC_CHECK_EQ(session->waiting.front(), delivery);
  session->waiting.pop_front();
  turns_.pop_front();
  session->queued = !session->waiting.empty();
  if (session->queued) turns_.push_back(session);
}

bool Dispatcher::NextShared(absl::Time now, Flight* flight) {
  if (waiting_ == 0) return false;
  const auto [worker, first] = ChooseShared(now);
  if (worker == nullptr) return false;
  const bool others_idle = OthersIdle(*worker, now);
  const size_t most = MaxWorkersOfOne();
  Load load;
  Delivery* next = first;
  while (next != nullptr && flight->consignments.size() < kFlightDeliveries) {
    load.Add(*next);
    if (!flight->consignments.empty()) {
      const bool elsewhere = others_idle && Bound(*next) == nullptr &&
                             LedgerOf(*next).workers() < most;
      if (elsewhere || load.Exceeds()) break;
    }
    TakeShared(worker, next);
    Give(worker, {.delivery = next, .messages = next->remaining()}, now,
         flight);
    next = NextFor(worker, now);
  }
  apart_last_ = false;
  Depart(worker, flight);
  return true;
}

void Dispatcher::Give(Worker* worker, const Consignment& consignment,
                      absl::Time now, Flight* flight) {
  if (worker->held.empty()) worker->progress = now;
  consignment.delivery->worker = worker->id;
  LedgerOf(*consignment.delivery).AddHeld(worker->id);
  worker->held.push_back({consignment, false});
  worker->load_nanoseconds += Cost(*consignment.delivery, consignment.messages);
  worker->held_messages += consignment.messages;
  worker->given_messages += consignment.messages;
  flight->consignments.push_back(consignment);
}

void Dispatcher::Depart(Worker* worker, Flight* flight) {
  flight->worker = worker->id;
  worker->held.back().last_of_flight = true;
  ++worker->flights;
}

Delivery* Dispatcher::OnAnswered(WorkerId id, uint64_t messages,
                                 absl::Time now) {
  Worker* worker = Find(id);
  Held& oldest = worker->held.front();
  Delivery* delivery = oldest.consignment.delivery;
  delivery->answered += messages;
  delivery->attempts = delivery->attempts_behind;
  oldest.consignment.messages -= messages;
  worker->load_nanoseconds -= Cost(*delivery, messages);
  worker->held_messages -= messages;
  worker->progress = now;
  if (oldest.consignment.messages > 0) return nullptr;
  if (oldest.last_of_flight) --worker->flights;
  worker->held.pop_front();
  SessionLedger& session = LedgerOf(*delivery);
  session.RemoveHeld(id);
  session.last_active = now;
  if (worker->held.empty()) worker->exclusive = worker->lent = false;
  if (delivery->remaining() == 0) {
    Complete(delivery);
    return delivery;
  }
  waiting_ += delivery->remaining();
  QueueSuspect(delivery, /*front=*/true);
  return nullptr;
}

bool Dispatcher::GiveUp(Delivery* delivery) {
  ++delivery->answered;
  delivery->attempts = delivery->attempts_behind;
  if (delivery->remaining() == 0) {
    Complete(delivery);
    return true;
  }
  waiting_ += delivery->remaining();
  QueueSuspect(delivery, /*front=*/true);
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

std::vector<Delivery*> Dispatcher::TakeWaiting() {
  std::vector<Delivery*> taken;
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
  for (Delivery* delivery : taken) Complete(delivery);
  turns_.clear();
  waiting_ = 0;
  return taken;
}

std::vector<Delivery*> Dispatcher::TakeUnwanted() {
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
