#include "tools/cluster/child.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/read_to_end.h"
#include "common/spawn.h"
#include "services/base/unique_fd.h"

namespace msgproc::cluster {
namespace {

absl::Duration FromTimeval(const timeval& time) {
  return absl::DurationFromTimeval(time);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Child>> Child::Start(
    const std::vector<std::string>& arguments, const std::string& log,
    LogMode mode) {
  MSGPROC_CHECK(!arguments.empty());
  const int how = mode == LogMode::kAppend ? O_APPEND : O_TRUNC;
  const base::UniqueFd output(
      open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | how, 0644));
  if (!output.valid()) {
    return absl::ErrnoToStatus(errno, absl::StrCat("Cannot run ", arguments[0],
                                                   " with output to ", log));
  }
  const absl::StatusOr<pid_t> pid = Spawn(
      {.arguments = arguments,
       .descriptors = {{.as = STDIN_FILENO, .from = SpawnOptions::kDevNull},
                       {.as = STDOUT_FILENO, .from = output.get()},
                       {.as = STDERR_FILENO, .from = output.get()}},
       .group = SpawnOptions::Group::kOwnGroup,
       // NGINX and processors take their own children with them.
       .parent_death_signal = SIGTERM});
  if (absl::IsNotFound(pid.status()) ||
      absl::IsPermissionDenied(pid.status())) {
    return absl::NotFoundError(
        absl::StrCat("Cannot run ", arguments[0],
                     ": it is not there. Build it, or name its folder."));
  }
  if (!pid.ok()) return pid.status();
  return std::unique_ptr<Child>(new Child(*pid, log));
}

Child::~Child() { Kill(); }

bool Child::Reap(bool wait) {
  if (exit_code_) return true;
  int status = 0;
  rusage usage{};
  if (wait4(pid_, &status, wait ? 0 : WNOHANG, &usage) != pid_) return false;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  MSGPROC_CHECK(WIFEXITED(status) || WIFSIGNALED(status));
  cpu_ = FromTimeval(usage.ru_utime) + FromTimeval(usage.ru_stime);
  return true;
}

bool Child::Running() { return !Reap(false); }

void Child::Signal(int signal) {
  if (Running()) kill(pid_, signal);
}

void Child::Kill() {
  if (!Running()) return;
  kill(-pid_, SIGKILL);
  kill(pid_, SIGKILL);  // Its group may not be there yet.
  Reap(true);
}

std::optional<int> Child::Wait(absl::Duration timeout) {
  const absl::Time deadline = Clock::Monotonic()->Now() + timeout;
  while (Running()) {
    if (Clock::Monotonic()->Now() > deadline) return std::nullopt;
    absl::SleepFor(absl::Milliseconds(2));
  }
  return exit_code_;
}

std::string Child::LastWords() const {
  constexpr size_t kMost = 2000;
  const std::string words = ReadWholeFile(log_);
  return words.size() > kMost ? words.substr(words.size() - kMost) : words;
}

}  // namespace msgproc::cluster
