#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_ORPHAN_GUARD_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_ORPHAN_GUARD_H_

#include <sys/types.h>

#include <set>

#include "absl/strings/string_view.h"
#include "services/base/unique_fd.h"

namespace msgproc::processor {

// Sees to it that worker commands do not outlive a processor that is killed: a
// shell in a session of its own that is told their process groups through a
// pipe, and kills what is left of them when the pipe ends. Programs that look
// at their standard input would go by themselves; those that hang, and what
// they have started, do not.
//
// Not thread-safe. Where it dies it is started again.
class OrphanGuard {
 public:
  OrphanGuard() = default;
  // Its groups are left alone: the processor has ended them.
  ~OrphanGuard();
  OrphanGuard(const OrphanGuard&) = delete;
  OrphanGuard& operator=(const OrphanGuard&) = delete;

  // Starts the guard if there is none, so that it can be told of a worker as
  // soon as there is one: who is killed in between leaves that worker behind.
  void Prepare();
  void Watch(pid_t group);
  void Forget(pid_t group);

  // The guard's own process; -1: none. Not to be reaped by others.
  pid_t pid() const { return pid_; }

 private:
  bool Start();
  bool Tell(absl::string_view what);

  std::set<pid_t> groups_;
  pid_t pid_ = -1;
  base::UniqueFd pipe_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_ORPHAN_GUARD_H_
