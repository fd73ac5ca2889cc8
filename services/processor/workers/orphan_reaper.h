#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_ORPHAN_REAPER_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_ORPHAN_REAPER_H_

#include <sys/types.h>

#include "absl/functional/function_ref.h"

namespace msgproc::processor {

// Whether this process inherits what others leave behind: it is number 1 of a
// container, or a subreaper.
bool InheritsOrphans();

// Reaps children that have ended, up to the first that is `ours`: that one is
// reaped by who started it, and what is behind it the next time.
void ReapOrphans(absl::FunctionRef<bool(pid_t)> ours);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_ORPHAN_REAPER_H_
