#include "services/processor/workers/orphan_guard.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/base/log.h"

namespace msgproc::processor {
namespace {

// Groups stand between spaces, so that " 12 " is not found in " 123 ".
constexpr char kScript[] = R"(
groups=" "
while read -r what group; do
  case $what in
    watch) groups="$groups$group " ;;
    forget)
      case $groups in
        *" $group "*) groups="${groups%%" $group "*} ${groups#*" $group "}" ;;
      esac ;;
    leave) exit ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
)";

}  // namespace

OrphanGuard::~OrphanGuard() {
  if (pid_ < 0) return;
  Tell("leave\n");
  pipe_.Reset();
  waitpid(pid_, nullptr, 0);
}

bool OrphanGuard::Start() {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return false;
  const base::UniqueFd childs(fds[0]);
  pipe_ = base::UniqueFd(fds[1]);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, childs.get(), STDIN_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID |
                                            POSIX_SPAWN_SETSIGMASK |
                                            POSIX_SPAWN_SETSIGDEF);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  std::string name = "msgproc-orphan-guard";
  std::string option = "-c";
  std::string script = kScript;
  char* const arguments[] = {name.data(), option.data(), script.data(),
                             nullptr};
  const int error =
      posix_spawn(&pid_, "/bin/sh", &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) pid_ = -1;
  return error == 0;
}

bool OrphanGuard::Tell(absl::string_view what) {
  return write(pipe_.get(), what.data(), what.size()) ==
         static_cast<ssize_t>(what.size());
}

void OrphanGuard::Prepare() {
  if (pid_ < 0) Start();
}

void OrphanGuard::Watch(pid_t group) {
  groups_.insert(group);
  if (pid_ > 0 && Tell(absl::StrCat("watch ", group, "\n"))) return;
  if (pid_ > 0) {
    base::LogWarning("the guard against orphans died; starting another",
                     {{"pid", pid_}});
    waitpid(pid_, nullptr, 0);
  }
  std::string all;
  for (const pid_t each : groups_) absl::StrAppend(&all, "watch ", each, "\n");
  if (!Start() || !Tell(all)) {
    base::LogWarning(
        "no guard against orphans: kill -9 of this process may leave worker "
        "commands behind");
  }
}

void OrphanGuard::Forget(pid_t group) {
  groups_.erase(group);
  if (pid_ > 0) Tell(absl::StrCat("forget ", group, "\n"));
}

}  // namespace msgproc::processor
