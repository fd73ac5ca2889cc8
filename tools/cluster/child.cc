#include "tools/cluster/child.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>
#include <fstream>
#include <sstream>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/clock.h"

namespace msgproc::cluster {
namespace {

// Sets PR_SET_PDEATHSIG, which posix_spawn cannot, and becomes the program.
// SIGTERM: NGINX and processors take their own children with them.
constexpr const char* kSetpriv = "/usr/bin/setpriv";

void ResetSignals(posix_spawnattr_t* attributes) {
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(attributes, &none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigdefault(attributes, &all);
  posix_spawnattr_setpgroup(attributes, 0);
  posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
                                           POSIX_SPAWN_SETSIGDEF |
                                           POSIX_SPAWN_SETPGROUP);
}

absl::Duration FromTimeval(const timeval& time) {
  return absl::DurationFromTimeval(time);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Child>> Child::Start(
    std::vector<std::string> arguments, const std::string& log, LogMode mode) {
  // posix_spawn would only see that setpriv is there.
  if (access(arguments[0].c_str(), X_OK) != 0) {
    return absl::NotFoundError(
        absl::StrCat("Cannot run ", arguments[0],
                     ": it is not there. Build it, or name its folder."));
  }
  arguments.insert(arguments.begin(), {kSetpriv, "--pdeathsig", "TERM", "--"});
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                   O_RDONLY, 0);
  const int how = mode == LogMode::kAppend ? O_APPEND : O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(),
                                   O_WRONLY | O_CREAT | how, 0644);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  ResetSignals(&attributes);
  pid_t pid = -1;
  const int error =
      posix_spawn(&pid, kSetpriv, &actions, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return absl::ErrnoToStatus(
        error, absl::StrCat("Cannot run ", kSetpriv, " with output to ", log));
  }
  return std::unique_ptr<Child>(new Child(pid, log));
}

Child::~Child() { Kill(); }

bool Child::Reap(bool wait) {
  if (exit_code_) return true;
  int status = 0;
  rusage usage{};
  if (wait4(pid_, &status, wait ? 0 : WNOHANG, &usage) != pid_) return false;
  exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
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
  std::ifstream file(log_);
  std::stringstream text;
  text << file.rdbuf();
  constexpr size_t kMost = 2000;
  std::string words = text.str();
  return words.size() > kMost ? words.substr(words.size() - kMost) : words;
}

}  // namespace msgproc::cluster
