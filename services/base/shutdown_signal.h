#ifndef MSGPROC_SERVICES_BASE_SHUTDOWN_SIGNAL_H_
#define MSGPROC_SERVICES_BASE_SHUTDOWN_SIGNAL_H_

#include <functional>
#include <thread>

#include "services/base/unique_fd.h"

namespace msgproc::base {

// SIGTERM and SIGINT: the first asks for a drain, the second ends the process
// at once, before anything else, with exit code 128 + signal. SIGHUP asks for a
// reload, SIGUSR1 and SIGUSR2 for more and for the usual log. SIGPIPE is
// ignored.
//
// Signals are taken by a thread of its own, so the callbacks may do anything
// but block: while one runs no second signal is seen. One a process, owned by
// main.
class ShutdownSignal {
 public:
  struct Callbacks {
    std::function<void(int signal)> on_drain;  // Once.
    // These for each of their signals; may be empty.
    std::function<void()> on_reload;
    std::function<void(bool debug)> on_log_level;
  };

  // Blocks the signals for this thread and all that it starts. First thing in
  // main: a thread that is there already would die of them. Child processes
  // inherit the mask and the ignored SIGPIPE: posix_spawn resets both with
  // POSIX_SPAWN_SETSIGMASK and POSIX_SPAWN_SETSIGDEF.
  static void Block();

  explicit ShutdownSignal(Callbacks callbacks);

  // No callback runs any more when it returns. The signals stay blocked.
  ~ShutdownSignal();

  ShutdownSignal(const ShutdownSignal&) = delete;
  ShutdownSignal& operator=(const ShutdownSignal&) = delete;

 private:
  void Run();
  void Handle(int signal);

  const Callbacks callbacks_;
  const UniqueFd signals_;
  const UniqueFd stop_;
  bool draining_ = false;  // The thread's alone.
  std::thread thread_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_SHUTDOWN_SIGNAL_H_
