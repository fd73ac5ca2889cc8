#include "services/processor/workers/dispatcher.h"

#include <algorithm>
#include <iterator>

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

void Dispatcher::AddWorker(WorkerId worker) {
  workers_.emplace_back().id = worker;
}

void Dispatcher::RetireWorker(WorkerId id) {
  Worker* worker = Find(id);
  if (worker == nullptr) return;
  worker->open = false;
  common_.insert(common_.begin(), worker->own.begin(), worker->own.end());
  worker->own.clear();
}

uint64_t Dispatcher::RemoveWorker(WorkerId id,
                                  std::vector<Delivery*>* given_up) {
  Worker* worker = Find(id);
  if (worker == nullptr) return 0;
  RetireWorker(id);
  const uint64_t held = worker->held_messages;
  for (auto it = worker->held.rbegin(); it != worker->held.rend(); ++it) {
    Delivery* delivery = it->consignment.delivery;
    if (!it->consignment.apart) delivery->attempts_behind = 1;
    ++delivery->attempts;
    if (delivery->attempts >= options_.max_attempts) {
      given_up->push_back(delivery);
    } else {
      Return(delivery);
    }
  }
  workers_.erase(workers_.begin() + (worker - workers_.data()));
  return held;
}

bool Dispatcher::IsSuspect(const Delivery& delivery) const {
  return delivery.attempts_behind > 0 ||
         options_.max_attempts - delivery.attempts == 1;
}

void Dispatcher::Enqueue(Delivery* delivery) {
  delivery->ticket = next_ticket_++;
  waiting_ += delivery->remaining();
  if (IsSuspect(*delivery)) {
    suspects_.push_back(delivery);
    return;
  }
  Worker* own = Bound(*delivery);
  (own == nullptr ? common_ : own->own).push_back(delivery);
}

Dispatcher::Worker* Dispatcher::Bound(const Delivery& delivery) {
  Worker* worker = delivery.ordered ? Find(delivery.worker) : nullptr;
  return worker != nullptr && worker->open ? worker : nullptr;
}

void Dispatcher::Return(Delivery* delivery) {
  waiting_ += delivery->remaining();
  (IsSuspect(*delivery) ? suspects_ : common_).push_front(delivery);
}

bool Dispatcher::HasRoom(const Worker& worker) const {
  if (!worker.open || worker.reserved || worker.exclusive) return false;
  return worker.flights == 0 ||
         (worker.flights < kMaxFlights &&
          worker.load_nanoseconds <= kSecondFlightNanoseconds);
}

bool Dispatcher::NextFlight(absl::Time now, Flight* flight) {
  flight->consignments.clear();
  return NextSuspect(now, flight) || NextShared(now, flight);
}

// Where a suspect may go now: a worker that holds nothing, its own one if it
// has one.
Dispatcher::Worker* Dispatcher::IdleFor(const Delivery& suspect) {
  if (Worker* own = Bound(suspect); own != nullptr) {
    return own->held.empty() ? own : nullptr;
  }
  for (Worker& worker : workers_) {
    if (worker.open && worker.held.empty()) return &worker;
  }
  return nullptr;
}

// Keeps new work from a worker, so that the suspect finds it with nothing. As
// it is always the one with the least to do, it comes to that.
void Dispatcher::ReserveFor(const Delivery& suspect) {
  if (Worker* own = Bound(suspect); own != nullptr) {
    own->reserved = true;
    return;
  }
  size_t open = 0;
  size_t taken = 0;
  Worker* least = nullptr;
  for (Worker& worker : workers_) {
    if (!worker.open) continue;
    ++open;
    if (worker.reserved || worker.exclusive) {
      ++taken;
    } else if (least == nullptr ||
               worker.load_nanoseconds < least->load_nanoseconds) {
      least = &worker;
    }
  }
  // Half of the workers go on with what is not suspect.
  if (least != nullptr && taken < std::max<size_t>(1, open / 2)) {
    least->reserved = true;
  }
}

bool Dispatcher::NextSuspect(absl::Time now, Flight* flight) {
  if (suspects_.empty()) return false;
  for (Worker& worker : workers_) worker.reserved = false;
  for (auto it = suspects_.begin(); it != suspects_.end(); ++it) {
    Delivery* delivery = *it;
    Worker* idle = IdleFor(*delivery);
    if (idle == nullptr) {
      ReserveFor(*delivery);
      continue;
    }
    suspects_.erase(it);
    const bool last_time = options_.max_attempts - delivery->attempts == 1;
    const uint64_t messages =
        last_time ? 1 : std::min(delivery->remaining(), kApartMessages);
    waiting_ -= delivery->remaining();
    idle->exclusive = true;
    Give(idle, {.delivery = delivery, .messages = messages, .apart = true}, now,
         flight);
    Depart(idle, flight);
    return true;
  }
  return false;
}

Dispatcher::Worker* Dispatcher::LeastLoaded(bool* others_idle) {
  Worker* least = nullptr;
  int idle = 0;
  for (Worker& worker : workers_) {
    if (!HasRoom(worker)) continue;
    if (worker.flights == 0) ++idle;
    if (worker.own.empty() && common_.empty()) continue;
    if (least == nullptr || worker.load_nanoseconds < least->load_nanoseconds ||
        (worker.load_nanoseconds == least->load_nanoseconds &&
         worker.bound < least->bound)) {
      least = &worker;
    }
  }
  *others_idle = least != nullptr && idle > (least->flights == 0 ? 1 : 0);
  return least;
}

// Of those bound to the worker and those for all, the one that has waited
// longest.
Delivery* Dispatcher::NextFor(Worker* worker, bool take) {
  std::deque<Delivery*>* queue = &common_;
  if (common_.empty() ||
      (!worker->own.empty() &&
       worker->own.front()->ticket < common_.front()->ticket)) {
    queue = &worker->own;
  }
  if (queue->empty()) return nullptr;
  Delivery* delivery = queue->front();
  if (take) queue->pop_front();
  return delivery;
}

bool Dispatcher::NextShared(absl::Time now, Flight* flight) {
  bool others_idle;
  Worker* worker = LeastLoaded(&others_idle);
  if (worker == nullptr) return false;
  int64_t nanoseconds = 0;
  size_t bytes = 0;
  while (flight->consignments.size() < kFlightDeliveries) {
    const Delivery* next = NextFor(worker, false);
    if (next == nullptr) break;
    nanoseconds += Cost(*next, next->remaining());
    bytes += next->bytes;
    if (!flight->consignments.empty() &&
        (others_idle || nanoseconds > kFlightNanoseconds ||
         bytes > kFlightBytes)) {
      break;
    }
    Delivery* delivery = NextFor(worker, true);
    if (delivery->ordered && delivery->worker != worker->id) ++worker->bound;
    waiting_ -= delivery->remaining();
    Give(worker, {.delivery = delivery, .messages = delivery->remaining()}, now,
         flight);
  }
  Depart(worker, flight);
  return true;
}

void Dispatcher::Give(Worker* worker, const Consignment& consignment,
                      absl::Time now, Flight* flight) {
  if (worker->held.empty()) worker->progress = now;
  consignment.delivery->worker = worker->id;
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
  if (worker->held.empty()) worker->exclusive = false;
  if (delivery->remaining() == 0) return delivery;
  Return(delivery);
  return nullptr;
}

bool Dispatcher::GiveUp(Delivery* delivery) {
  ++delivery->answered;
  delivery->attempts = delivery->attempts_behind;
  if (delivery->remaining() == 0) return true;
  Return(delivery);
  return false;
}

std::vector<WorkerId> Dispatcher::Overdue(absl::Time now) const {
  std::vector<WorkerId> overdue;
  for (const Worker& worker : workers_) {
    if (!worker.held.empty() &&
        now - worker.progress > options_.message_timeout) {
      overdue.push_back(worker.id);
    }
  }
  return overdue;
}

std::vector<Delivery*> Dispatcher::TakeWaiting() {
  std::vector<Delivery*> taken(suspects_.begin(), suspects_.end());
  taken.insert(taken.end(), common_.begin(), common_.end());
  for (Worker& worker : workers_) {
    taken.insert(taken.end(), worker.own.begin(), worker.own.end());
    worker.own.clear();
  }
  suspects_.clear();
  common_.clear();
  waiting_ = 0;
  return taken;
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
