#include "services/base/shutdown_signal.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <utility>

#include "common/exit_barrier.h"
#include "services/base/log.h"

namespace msgproc::base {
namespace {

sigset_t Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2}) {
    sigaddset(&signals, signal);
  }
  return signals;
}

}  // namespace

void ShutdownSignal::Block() {
  const sigset_t signals = Signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

ShutdownSignal::ShutdownSignal(Callbacks callbacks)
    : callbacks_(std::move(callbacks)),
      signals_([] {
        const sigset_t signals = Signals();
        return signalfd(-1, &signals, SFD_CLOEXEC);
      }()),
      stop_(eventfd(0, EFD_CLOEXEC)),
      thread_([this] { Run(); }) {}

ShutdownSignal::~ShutdownSignal() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written =
      write(stop_.get(), &one, sizeof(one));
  thread_.join();
}

void ShutdownSignal::Run() {
  while (true) {
    pollfd ready[] = {{signals_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (poll(ready, 2, -1) < 0) continue;
    if (ready[1].revents != 0) return;
    signalfd_siginfo info{};
    if (read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
      Handle(static_cast<int>(info.ssi_signo));
    }
  }
}

void ShutdownSignal::Handle(int signal) {
  if (signal == SIGHUP) {
    LogInfo("SIGHUP: reloading");
    if (callbacks_.on_reload) callbacks_.on_reload();
    return;
  }
  if (signal == SIGUSR1 || signal == SIGUSR2) {
    if (callbacks_.on_log_level) callbacks_.on_log_level(signal == SIGUSR1);
    return;
  }
  // Not even a line in the log: whatever is stuck may be what logs.
  if (draining_) ExitBarrier::Exit(128 + signal);
  draining_ = true;
  LogInfo("draining; a second signal exits at once", {{"signal", signal}});
  callbacks_.on_drain(signal);
}

}  // namespace msgproc::base
