#include "services/processor/workers/orphan_guard.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/spawn.h"
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

  const absl::StatusOr<pid_t> pid =
      Spawn({.program = "/bin/sh",
             .arguments = {"msgproc-orphan-guard", "-c", kScript},
             .descriptors = {{.as = STDIN_FILENO, .from = childs.get()}},
             .group = SpawnOptions::Group::kOwnSession});
  pid_ = pid.value_or(-1);
  return pid.ok();
}

bool OrphanGuard::Tell(absl::string_view what) {
  return write(pipe_.get(), what.data(), what.size()) ==
         static_cast<ssize_t>(what.size());
}

void OrphanGuard::Prepare() {
  if (pid_ < 0) Start();
}

void OrphanGuard::Watch(pid_t group) {
  MSGPROC_CHECK_GT(group, 1);
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
