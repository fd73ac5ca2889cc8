#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_SESSION_QUEUES_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_SESSION_QUEUES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "services/processor/workers/session_ledger.h"
#include "services/processor/workers/work_item.h"

namespace msgproc::processor {

// The sessions whose messages wait for workers: in turn those that may share a
// worker, and apart from them those that are isolated, because workers died
// over their messages. Not thread-safe.
class SessionQueues {
 public:
  // Takes an item out for good if nobody waits for it any more; whether it did.
  using Drop = absl::FunctionRef<bool(WorkItem*)>;
  // Whether a session may be given more on the worker that is asked about.
  using May = absl::FunctionRef<bool(SessionLedger*)>;

  SessionLedger& Of(const WorkItem& item) { return sessions_[item.session]; }
  // Null: nothing is known of it.
  const SessionLedger* Find(uint64_t session) const {
    const auto found = sessions_.find(session);
    return found == sessions_.end() ? nullptr : &found->second;
  }

  // Into what waits of its session.
  void Queue(WorkItem* item, bool front);
  void QueueSuspect(WorkItem* item, bool front);
  // It waits nowhere any more, and is no suspect.
  void OnComplete(WorkItem* item);

  // The next session in turn that may, and has something that somebody waits
  // for; null: none. It is moved to the front.
  SessionLedger* NextInTurn(May may, Drop drop);
  // Takes the first waiting item of the session that NextInTurn has returned;
  // the next turn is another's.
  void TakeFirst(const WorkItem* item);

  // Isolated sessions that may be given something now. Those over which the
  // fewest workers have died come first, and of them those with the least to
  // clear: the innocent are soon out of it. Otherwise in turn.
  std::vector<SessionLedger*> Isolated(absl::Time now);
  bool AnyWatched() const { return !watched_.empty(); }
  bool AllWatched() const { return watched_.size() == sessions_.size(); }
  // Whether something waits of a session that is not watched.
  bool OthersWait() const;
  // The first time after `now` at which one's pause is over, or at `also`.
  absl::Time NextChange(absl::Time now, absl::Time also) const;

  // How many of so many workers one session may have at a time. Sessions over
  // which workers die have their own bound.
  size_t MaxWorkersOfOne(size_t open) const;

  // Messages that wait here.
  uint64_t CountWaiting() const;
  // Checks what holds between two calls of the Dispatcher; true.
  bool CheckInvariants() const;

  // Takes out all that waits.
  void TakeWaiting(std::vector<WorkItem*>* taken);
  // Forgets sessions that have been idle for long.
  void Tidy(absl::Time now);

 private:
  SessionLedgers sessions_;
  // Sessions with something in `waiting`, in turn.
  std::deque<SessionLedger*> turns_;
  // Sessions with suspects, or tainted.
  std::vector<SessionLedger*> watched_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_SESSION_QUEUES_H_
