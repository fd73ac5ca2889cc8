#include "common/exit_barrier.h"

#include <unistd.h>

#include <mutex>

namespace msgproc {

std::timed_mutex ExitBarrier::mutex;

void ExitBarrier::Exit(int code, absl::Duration patience) {
  // Late is better than never.
  (void)mutex.try_lock_for(absl::ToChronoNanoseconds(patience));
  _exit(code);
}

}  // namespace msgproc
