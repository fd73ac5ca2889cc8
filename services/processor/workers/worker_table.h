#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_TABLE_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/time/time.h"
#include "common/state_dump.h"
#include "services/processor/workers/work_item.h"
#include "services/processor/workers/worker_facts.h"
#include "services/processor/workers/worker_life.h"

namespace msgproc::processor {

// One worker, as the Dispatcher sees it: what it holds, and who may use it.
struct WorkerLedger {
  WorkerId id = 0;
  // kServing, then kRetiring.
  WorkerLife life{WorkerPhase::kServing};
  // Kept free for a session that may not share it.
  bool reserved = false;
  // Busy with such a session, and whether workers have died over that one.
  bool exclusive = false;
  bool quarantined = false;
  // Assignments that are not answered.
  int in_flight = 0;
  struct Held {
    Assignment::Part part;
    bool last_of_assignment = false;
    absl::Time since;
  };
  std::deque<Held> held;
  // Bound to this worker, and waiting.
  std::deque<WorkItem*> bound;
  int64_t load_nanoseconds = 0;
  uint64_t held_messages = 0;
  uint64_t given_messages = 0;
  // Sessions of ordered handlers that began here.
  uint64_t sessions_begun = 0;
  // The last sign of life while holding something.
  absl::Time progress;

  // Checks what holds between two calls of the Dispatcher; true.
  bool CheckInvariants() const;
  // Whether it takes work.
  bool open() const { return life.serving(); }
  // Whether it may get one more assignment, beside others' work.
  bool HasRoom(absl::Time now) const;

  // For operators.
  WorkerLoad Load() const;
  // What it holds of a session.
  std::vector<WorkItem*> HeldOf(uint64_t session) const;
  std::vector<WorkItem*> AllHeld() const;
  StateDump Dump(absl::Time now) const;

  // Takes the part over. The last one of an assignment is followed by
  // OnAssigned.
  void Hold(const Assignment::Part& part, absl::Time now);
  void OnAssigned();
  // So many messages of the oldest part were answered: at least one, at most
  // all. Whether the part is done, and gone.
  bool OnAnswered(uint64_t messages, absl::Time now);
};

// What the messages are expected to take, where nothing is known a guess.
int64_t ExpectedNanoseconds(const WorkItem& item, uint64_t messages);

// The workers that there are. Pointers hold until one is added or removed. Not
// thread-safe.
class WorkerTable {
 public:
  void Add(WorkerId id);
  void Remove(const WorkerLedger* worker);

  // Null: there is none.
  WorkerLedger* Find(WorkerId id);
  const WorkerLedger* Find(WorkerId id) const;
  // The one that an ordered item must go to, if any.
  WorkerLedger* BoundTo(const WorkItem& item);

  // Those that are open.
  size_t open() const;
  // Those of them that are with sessions over which workers die.
  size_t quarantined() const;
  // Whether none holds anything; whether something waits that is bound to one.
  bool AllIdle() const;
  bool BoundWait() const;

  // One that holds nothing: the item's own if it has one.
  WorkerLedger* IdleFor(const WorkItem& item);
  // One to keep new work from, so that the item finds it with nothing. As it is
  // always the one with the least to do, it comes to that.
  WorkerLedger* ReservableFor(const WorkItem& item);
  void ReleaseReservations();

  // Those with room, the one with the least to do first.
  std::vector<WorkerLedger*> WithRoom(absl::Time now);
  bool OthersIdle(const WorkerLedger& worker, absl::Time now) const;

  // Messages that wait and are bound to a worker.
  uint64_t CountBound() const;
  // Checks what holds between two calls of the Dispatcher; true.
  bool CheckInvariants() const;

  // Those that hold something and have been silent for longer than that.
  std::vector<WorkerId> Silent(absl::Time now, absl::Duration silence) const;
  // Takes out all that is bound and waits.
  void TakeBound(std::vector<WorkItem*>* taken);

 private:
  std::vector<WorkerLedger> workers_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_TABLE_H_
