#include "services/processor/workers/orphan_reaper.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace msgproc::processor {

bool InheritsOrphans() {
  int subreaper = 0;
  prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0, 0, 0);
  return getpid() == 1 || subreaper != 0;
}

void ReapOrphans(absl::FunctionRef<bool(pid_t)> ours) {
  while (true) {
    siginfo_t info{};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0 || ours(info.si_pid)) {
      return;
    }
    waitpid(info.si_pid, nullptr, WNOHANG);
  }
}

}  // namespace msgproc::processor
