#ifndef MSGPROC_SERVICES_PROCESSOR_EXECUTORS_PENDING_CALLS_H_
#define MSGPROC_SERVICES_PROCESSOR_EXECUTORS_PENDING_CALLS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/state_dump.h"
#include "services/processor/executors/batch.h"

namespace msgproc::processor {

// What handlers have begun and not answered, and when it is due. Each is a
// batch of one message, and leaves once: to whoever answers, when it is due, or
// when nobody wants it any more. Decides, and touches nothing outside: no
// threads, no clock. Not thread-safe.
class PendingCalls {
 public:
  using Ticket = uint64_t;

  // `timeout`: how long each may take; infinite: for ever.
  explicit PendingCalls(absl::Duration timeout) : timeout_(timeout) {}

  // Names it, for ever. `now` never goes back.
  Ticket Add(std::unique_ptr<Batch> batch, absl::Time now);
  // Null: it has left.
  std::unique_ptr<Batch> Take(Ticket ticket);
  // Those whose time is over, the oldest first.
  std::vector<std::unique_ptr<Batch>> TakeDue(absl::Time now);
  // Those of the session that nobody wants any more.
  std::vector<std::unique_ptr<Batch>> TakeUnwanted(uint64_t session);
  std::vector<std::unique_ptr<Batch>> TakeAll();

  // Whether it is there and somebody wants it.
  bool Wanted(Ticket ticket) const;
  // When TakeDue is to be called again; infinite: not before the next Add.
  absl::Time NextDue() const;
  size_t size() const { return pending_.size(); }

  // Of all, and of one session's.
  StateDump DumpOf(uint64_t session, absl::Time now) const;

  // Checks what holds between two calls; true. Costs as much as there is.
  bool CheckInvariants() const;

 private:
  struct Pending {
    std::unique_ptr<Batch> batch;
    absl::Time due;
  };
  using Pendings = std::map<Ticket, Pending>;

  std::unique_ptr<Batch> Take(Pendings::iterator pending);

  const absl::Duration timeout_;
  Ticket last_ = 0;
  // In order of tickets, and so of when they are due.
  Pendings pending_;
  std::set<std::pair<uint64_t, Ticket>> by_session_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_EXECUTORS_PENDING_CALLS_H_
