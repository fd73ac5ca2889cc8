#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_DISPATCHER_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_DISPATCHER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/time/time.h"

namespace msgproc::processor {

// A worker process from its start to its end; never used again. 0: none.
using WorkerId = uint64_t;

// A batch on its way through workers, as the Dispatcher sees it. It is answered
// from the front, and is in one place at a time: waiting, or with one worker.
struct Delivery {
  uint64_t messages = 0;
  size_t bytes = 0;
  // What one message is expected to take; 0: nobody knows.
  int64_t message_nanoseconds = 0;
  // To go to `worker` while that one takes work.
  bool ordered = false;
  // The last worker it was given to; at first, where the batch before went.
  WorkerId worker = 0;

  // The dispatcher's books.
  uint64_t answered = 0;
  // Workers that died over the next message, and over each one behind it.
  int attempts = 0;
  int attempts_behind = 0;
  uint64_t ticket = 0;

  uint64_t remaining() const { return messages - answered; }
};

// Decides which worker gets what, and what becomes of it when the worker dies.
// Touches nothing outside: no processes, no threads, no clock of its own. Not
// thread-safe.
//
// A flight is what is written to a worker at once. Each goes to the worker with
// the least work outstanding. A worker holds up to two, so that it finds the
// next one when it is done with the first; what comes meanwhile waits, and
// travels together. Where a message takes long there is no second flight: it
// would only wait behind the first while another worker may be free.
//
// A worker dies over everything it holds, since only one message did it and
// nobody knows which. From then on these messages travel apart, each in a frame
// of its own, on a worker that holds nothing else; whoever is first among the
// unanswered when that worker dies is the culprit. The last time that a message
// may be tried, it is quite alone. So a message that kills its worker takes
// exactly `max_attempts` workers with it, and its neighbours lose nothing.
class Dispatcher {
 public:
  struct Options {
    // How often a message may be given to a worker, at least 1. At 1 every
    // message travels alone.
    int max_attempts = 3;
    // How long a worker may be silent while it holds something.
    absl::Duration message_timeout = absl::InfiniteDuration();
  };

  // Messages of one delivery, from its front.
  struct Consignment {
    Delivery* delivery = nullptr;
    uint64_t messages = 0;
    // Each message in a frame of its own, to be answered before the next.
    bool apart = false;
  };

  struct Flight {
    WorkerId worker = 0;
    std::vector<Consignment> consignments;
  };

  explicit Dispatcher(const Options& options) : options_(options) {}

  // The worker takes work from now on.
  void AddWorker(WorkerId worker);
  // It takes no more, and finishes what it holds. Unknown ones are ignored.
  void RetireWorker(WorkerId id);
  // It is dead. What it held waits again, except for the deliveries in
  // `given_up`, whose next message may not be tried again: call GiveUp.
  // Returns how many messages it held.
  uint64_t RemoveWorker(WorkerId id, std::vector<Delivery*>* given_up);

  // Takes in a delivery, which stays its owner's and is kept until it is
  // complete.
  void Enqueue(Delivery* delivery);

  // What to write now; false: nothing. To be asked until then after every
  // change.
  bool NextFlight(absl::Time now, Flight* flight);

  // The worker answered the next messages of the oldest consignment that it
  // holds, at most those. Returns its delivery when that is complete.
  Delivery* OnAnswered(WorkerId id, uint64_t messages, absl::Time now);

  // The next message of the delivery was answered by its owner. Whether the
  // delivery is complete; otherwise it waits again.
  bool GiveUp(Delivery* delivery);

  // Workers that hold something and have been silent for too long.
  std::vector<WorkerId> Overdue(absl::Time now) const;

  // Takes out all that waits.
  std::vector<Delivery*> TakeWaiting();

  // Whether the worker holds nothing.
  bool Idle(WorkerId worker) const;
  // Whether nothing waits and no worker holds anything.
  bool Empty() const;
  // Messages that no worker has.
  uint64_t waiting() const { return waiting_; }
  // Messages that the worker has; messages that it was ever given.
  uint64_t held(WorkerId worker) const;
  uint64_t given(WorkerId worker) const;

 private:
  struct Held {
    Consignment consignment;
    bool last_of_flight = false;
  };
  struct Worker {
    WorkerId id = 0;
    bool open = true;
    // Kept free for a suspect; busy with one.
    bool reserved = false;
    bool exclusive = false;
    int flights = 0;
    std::deque<Held> held;
    // Bound to this worker, and waiting.
    std::deque<Delivery*> own;
    int64_t load_nanoseconds = 0;
    uint64_t held_messages = 0;
    uint64_t given_messages = 0;
    // Sessions of ordered handlers that began here.
    uint64_t bound = 0;
    // The last sign of life while holding something.
    absl::Time progress;
  };

  Worker* Find(WorkerId id);
  const Worker* Find(WorkerId id) const;
  bool IsSuspect(const Delivery& delivery) const;
  bool HasRoom(const Worker& worker) const;
  // Back to the front of what waits.
  void Return(Delivery* delivery);
  // The worker that an ordered delivery must go to, if any.
  Worker* Bound(const Delivery& delivery);
  Worker* IdleFor(const Delivery& suspect);
  void ReserveFor(const Delivery& suspect);
  bool NextSuspect(absl::Time now, Flight* flight);
  Worker* LeastLoaded(bool* others_idle);
  Delivery* NextFor(Worker* worker, bool take);
  bool NextShared(absl::Time now, Flight* flight);
  void Give(Worker* worker, const Consignment& consignment, absl::Time now,
            Flight* flight);
  void Depart(Worker* worker, Flight* flight);

  const Options options_;
  std::vector<Worker> workers_;
  std::deque<Delivery*> common_;
  std::deque<Delivery*> suspects_;
  uint64_t waiting_ = 0;
  uint64_t next_ticket_ = 1;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_DISPATCHER_H_
