#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_STARTER_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_STARTER_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/processor/workers/orphan_guard.h"
#include "services/processor/workers/work_item.h"
#include "services/processor/workers/worker_link.h"
#include "services/processor/workers/worker_log.h"
#include "services/processor/workers/worker_options.h"
#include "services/processor/workers/worker_process.h"
#include "services/processor/workers/worker_roster.h"

namespace msgproc::processor {

// Makes worker processes and buries them, and keeps what stands by each while
// it lives: the log of what it writes to standard error, and, for commands, the
// guard that ends it if this process is killed. Not thread-safe: the pool's
// thread's, which lives as long as the workers.
class WorkerStarter {
 public:
  // `epoll` gets `event` when `fd` can be read.
  static void Watch(int epoll, int fd, uint64_t event);

  // All outlive it. `epoll` gets the events of the links, `roster` is told of
  // their lives.
  WorkerStarter(const WorkerOptions& options, int epoll, WorkerRoster* roster);

  // INTERNAL: there is no such program, or no room.
  absl::StatusOr<std::shared_ptr<WorkerLink>> Start(WorkerId worker, int slot,
                                                    absl::Time now);
  // The worker's process has ended: how. Its link has no events any more.
  WorkerExit Reap(WorkerLink* link);

  // Where the process is none of the workers': whether it is reaped here.
  bool Owns(pid_t pid) const { return pid == guard_.pid(); }
  // The last line of a worker that has ended a short while ago; empty: none.
  std::string LastWords(WorkerId worker);
  // What is run, for people.
  const std::string& program() const;

 private:
  // Nobody hears of the process's end before it is watched over.
  absl::StatusOr<std::unique_ptr<WorkerProcess>> StartWatched(int slot);

  const WorkerOptions& options_;
  const WorkerLaunch launch_;
  const int epoll_;
  WorkerRoster* const roster_;
  WorkerLog log_;
  OrphanGuard guard_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_STARTER_H_
