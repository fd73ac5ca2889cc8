#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_DISPATCHER_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_DISPATCHER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/state_dump.h"
#include "services/processor/workers/session_ledger.h"
#include "services/processor/workers/session_queues.h"
#include "services/processor/workers/work_item.h"
#include "services/processor/workers/worker_facts.h"
#include "services/processor/workers/worker_table.h"

namespace msgproc::processor {

// Decides which worker gets what, and what becomes of it when the worker dies.
// Touches nothing outside: no processes, no threads, no clock of its own. Not
// thread-safe.
//
// An assignment is what is written to a worker at once. Each goes to the worker
// with the least work outstanding. A worker holds up to two, so that it finds
// the next one when it is done with the first; what comes meanwhile waits, and
// travels together. Where a message takes long there is no second assignment:
// it would only wait behind the first while another worker may be free.
//
// Sessions take turns. While others are there, one session's messages are with
// at most half of the workers, rounded up, so that messages that take long or
// for ever hold up nobody else.
//
// A worker dies over everything it holds, since only one message did it and
// nobody knows which. From then on these messages travel one at a time, each in
// a frame of its own, on a worker that holds nothing else; whoever is first
// among the unanswered when that worker dies is the culprit. The last time that
// a message may be tried, it is quite alone. So a message that kills its worker
// takes exactly `max_attempts` workers with it, and its neighbours lose
// nothing.
//
// Of messages over which workers of another processor have died, those deaths
// count, up to the last try.
//
// A session over which workers die shares no worker with others until its
// suspects are cleared; longer, and slowed more and more, if it did so alone.
// All such sessions together have at most half of the workers, rounded down,
// but for one: where a single worker is open they alternate with the others.
class Dispatcher {
 public:
  struct Options {
    // How many workers there should be.
    int workers = 1;
    // How often a message may be given to a worker, at least 1. At 1 every
    // message travels alone.
    int max_attempts = 3;
    // How long a worker may be silent while it holds something.
    absl::Duration message_timeout = absl::InfiniteDuration();
    // Whether anybody still waits for its results; empty: always.
    std::function<bool(const WorkItem&)> wanted;
  };

  // How long the only worker that is open is kept from suspects, where there
  // should be more: others are about to start.
  static constexpr absl::Duration kAlone = absl::Seconds(5);

  explicit Dispatcher(Options options);

  // The worker takes work from now on.
  void AddWorker(WorkerId worker, absl::Time now);
  // It takes no more, and finishes what it holds. Unknown ones are ignored.
  void RetireWorker(WorkerId id, absl::Time now);
  // It is dead. What it held waits again, except for the items in
  // `given_up`, whose next message may not be tried again: call GiveUp.
  // `unwritten`: how many messages, those assigned last, never reached it; it
  // did not die over them. Returns how many messages it held.
  uint64_t RemoveWorker(WorkerId id, absl::Time now, uint64_t unwritten,
                        std::vector<WorkItem*>* given_up);
  // Whether the worker holds messages of a session over which workers have died
  // before: if it dies, that is no news.
  bool HoldsSuspects(WorkerId worker) const;

  // Takes in an item, which stays its owner's and is kept until it is
  // complete.
  void Enqueue(WorkItem* item, absl::Time now);

  // What to write now; false: nothing. To be asked until then after every
  // change, and at NextDecision().
  bool NextAssignment(absl::Time now, Assignment* assignment);
  // When time alone brings an assignment.
  absl::Time NextDecision(absl::Time now) const;

  // The worker answered the next messages of the oldest part that it
  // holds, at most those. Returns its item when that is complete.
  WorkItem* OnAnswered(WorkerId id, uint64_t messages, absl::Time now);

  // The next message of the item was answered by its owner. Whether the
  // item is complete; otherwise it waits again.
  bool GiveUp(WorkItem* item);

  // Workers that hold something and have been silent for longer than they may,
  // or than `silence`.
  std::vector<WorkerId> Overdue(absl::Time now) const {
    return Silent(now, options_.message_timeout);
  }
  std::vector<WorkerId> Silent(absl::Time now, absl::Duration silence) const {
    return workers_.Silent(now, silence);
  }

  // Takes out all that waits.
  std::vector<WorkItem*> TakeWaiting();
  // Takes out what NextAssignment found that nobody waits for any more.
  std::vector<WorkItem*> TakeUnwanted();
  // Forgets sessions that have been idle for long.
  void Tidy(absl::Time now) { sessions_.Tidy(now); }

  // Checks what holds between two calls; true. Costs as much as there is.
  bool CheckInvariants() const;

  // Whether the worker holds nothing.
  bool Idle(WorkerId worker) const;
  // Whether nothing waits and no worker holds anything.
  bool Empty() const { return waiting_ == 0 && workers_.AllIdle(); }
  // What the worker has, oldest first.
  std::vector<WorkItem*> Held(WorkerId worker) const {
    const WorkerLedger* found = workers_.Find(worker);
    return found == nullptr ? std::vector<WorkItem*>() : found->AllHeld();
  }
  // What the worker has of a session.
  std::vector<WorkItem*> HeldOf(WorkerId worker, uint64_t session) const;
  // Messages that no worker has.
  uint64_t waiting() const { return waiting_; }
  // Messages that the worker has; messages that it was ever given. Where they
  // are as many it has never answered.
  uint64_t held(WorkerId worker) const;
  uint64_t given(WorkerId worker) const;
  // Nothing, of one that is unknown.
  WorkerLoad LoadOf(WorkerId worker) const;

  StateDump Dump(absl::Time now) const {
    return StateDump("processor::Dispatcher",
                     {{"workers", options_.workers},
                      {"open", workers_.open()},
                      {"quarantined", workers_.quarantined()},
                      {"waiting", waiting_},
                      {"unwanted", unwanted_.size()},
                      {"max_attempts", options_.max_attempts},
                      {"message_timeout", options_.message_timeout},
                      {"alone_since", When(alone_since_, now)},
                      {"isolated_last", isolated_last_},
                      {"next_decision", When(NextDecision(now), now)}});
  }
  // Of what it knows of a session or a worker; null: nothing.
  const SessionLedger* LedgerOf(uint64_t session) const {
    return sessions_.Find(session);
  }
  const WorkerLedger* WorkerOf(WorkerId id) const { return workers_.Find(id); }

 private:
  void CountOpen(absl::Time now);
  void Wait(WorkItem* item);
  void WaitUntried(WorkItem* item);
  // Takes it out for good if nobody waits for it.
  bool DropUnwanted(WorkItem* item);
  WorkItem* FirstWanted(std::deque<WorkItem*>* queue);
  size_t MaxWorkersOfOne() const {
    return sessions_.MaxWorkersOfOne(workers_.open());
  }

  // Sessions that may not share a worker.
  bool NextIsolated(absl::Time now, Assignment* assignment);
  WorkItem* FirstIsolated(SessionLedger* session, absl::Time now);
  bool MayQuarantine(absl::Time now) const;
  void AssignSuspect(SessionLedger* session, WorkerLedger* worker,
                     absl::Time now, Assignment* assignment);
  void AssignExclusively(SessionLedger* session, WorkerLedger* worker,
                         absl::Time now, Assignment* assignment);

  // Sessions that may.
  struct Choice {
    WorkerLedger* worker = nullptr;
    WorkItem* item = nullptr;
  };
  bool NextShared(absl::Time now, Assignment* assignment);
  Choice ChooseShared(absl::Time now);
  WorkItem* NextFor(WorkerLedger* worker, absl::Time now);
  void TakeShared(WorkerLedger* worker, WorkItem* item);

  void Give(WorkerLedger* worker, Assignment::Part part, absl::Time now,
            Assignment* assignment);

  const Options options_;
  WorkerTable workers_;
  SessionQueues sessions_;
  std::vector<WorkItem*> unwanted_;
  uint64_t waiting_ = 0;
  uint64_t next_ticket_ = 1;
  // Since when at most one worker is open.
  absl::Time alone_since_ = absl::InfinitePast();
  // The last assignment was that of an isolated session.
  bool isolated_last_ = false;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_DISPATCHER_H_
