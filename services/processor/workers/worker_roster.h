#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_ROSTER_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_ROSTER_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/processor/workers/work_item.h"
#include "services/processor/workers/worker_facts.h"
#include "services/processor/workers/worker_life.h"

namespace msgproc::processor {

// The lives of worker processes, as operators are told of them: who is in which
// slot, since when, and how the last one there ended. Bounded by the number of
// slots and of processes that live. Has no clock; thread-safe.
class WorkerRoster {
 public:
  // `slots`: at least 1.
  explicit WorkerRoster(int slots);

  // A process was started in the slot, or could not be, and why.
  void OnStarted(int slot, WorkerId worker, pid_t pid, absl::Time now);
  void OnNotStarted(int slot, absl::string_view why, absl::Time now);
  // Its life went on; not to kGone. It must have started.
  void OnPhase(WorkerId worker, WorkerPhase phase, absl::Time now);
  // Its process has ended, and how.
  void OnGone(WorkerId worker, absl::string_view how, absl::Time now);

  // By slot, the older process first; one of a slot that has no process. Only
  // what is said of lives is filled in.
  std::vector<WorkerFacts> List() const;

 private:
  struct Slot {
    // Living ones: by id, and so by age.
    std::map<WorkerId, WorkerFacts> processes;
    uint64_t started = 0;
    std::string last_exit;
    absl::Time exited = absl::InfinitePast();
  };

  static void Leave(absl::string_view how, absl::Time now, Slot* slot);
  Slot& SlotOf(WorkerId worker) MSGPROC_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::vector<Slot> slots_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_ROSTER_H_
