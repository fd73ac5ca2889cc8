#include "services/processor/workers/worker_process.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "common/proc_files.h"
#include "common/spawn.h"

namespace msgproc::processor {
namespace {

using base::UniqueFd;

constexpr int kSocketBufferBytes = 1 << 20;
// Under memory pressure a worker goes before the process that has the sockets.
constexpr char kOomScore[] = "500";
// Processes of a worker whose memory is looked at.
constexpr size_t kMaxFamily = 64;

// What systemd says to the process that it has started, and to no other.
constexpr std::array<absl::string_view, 6> kNotForWorkers = {
    "NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID=",
    "LISTEN_PID=",    "LISTEN_FDS=",    "LISTEN_FDNAMES="};

absl::Status Failed(absl::string_view why) {
  return absl::InternalError(
      absl::StrCat("A worker cannot be started: ", why, "."));
}

void SetNonBlocking(const UniqueFd& fd) {
  fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

// The two ends of what the processor and a worker speak over.
struct Ends {
  UniqueFd to;
  UniqueFd from;
  UniqueFd childs_in;
  UniqueFd childs_out;
};

bool MakePipe(UniqueFd* read_end, UniqueFd* write_end) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return false;
  *read_end = UniqueFd(fds[0]);
  *write_end = UniqueFd(fds[1]);
  return true;
}

// Pipes, and not a socket: /dev/stdin of a socket cannot be opened.
bool MakePipes(Ends* ends) {
  if (!MakePipe(&ends->childs_in, &ends->to) ||
      !MakePipe(&ends->from, &ends->childs_out)) {
    return false;
  }
  // As much as an unprivileged process may have; less works as well.
  fcntl(ends->to.get(), F_SETPIPE_SZ, kSocketBufferBytes);
  fcntl(ends->from.get(), F_SETPIPE_SZ, kSocketBufferBytes);
  return true;
}

bool MakeSocket(Ends* ends) {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    return false;
  }
  for (const int fd : fds) {
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &kSocketBufferBytes,
               sizeof(kSocketBufferBytes));
  }
  ends->from = UniqueFd(fds[0]);
  ends->childs_in = UniqueFd(fds[1]);
  ends->to = UniqueFd(fcntl(ends->from.get(), F_DUPFD_CLOEXEC, 0));
  return ends->to.valid();
}

std::vector<std::string> Environment(int number) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const absl::string_view variable(*entry);
    if (std::none_of(kNotForWorkers.begin(), kNotForWorkers.end(),
                     [variable](absl::string_view name) {
                       return absl::StartsWith(variable, name);
                     })) {
      environment.emplace_back(variable);
    }
  }
  environment.push_back(absl::StrCat("MSGPROC_WORKER=", number));
  return environment;
}

// What handlers print goes to the log, unless it is what the worker speaks.
std::vector<SpawnOptions::Descriptor> Descriptors(const WorkerLaunch& launch,
                                                  const Ends& ends,
                                                  int errors) {
  if (launch.standard_streams) {
    return {{.as = STDIN_FILENO, .from = ends.childs_in.get()},
            {.as = STDOUT_FILENO, .from = ends.childs_out.get()},
            {.as = STDERR_FILENO, .from = errors}};
  }
  return {{.as = STDIN_FILENO, .from = SpawnOptions::kDevNull},
          {.as = STDOUT_FILENO, .from = errors},
          {.as = STDERR_FILENO, .from = errors},
          {.as = kWorkerSocket, .from = ends.childs_in.get()}};
}

void LetItGoFirst(pid_t pid) {
  const std::string path = absl::StrCat("/proc/", pid, "/oom_score_adj");
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return;
  [[maybe_unused]] const ssize_t written =
      write(file.get(), kOomScore, sizeof(kOomScore) - 1);
}

}  // namespace

std::string WorkerExit::Describe() const {
  if (!signalled) return absl::StrCat("exit code ", code);
  const char* name = sigdescr_np(code);
  return absl::StrCat("signal ", code, " (", name == nullptr ? "?" : name, ")");
}

absl::StatusOr<std::unique_ptr<WorkerProcess>> WorkerProcess::Start(
    const WorkerLaunch& launch, int number) {
  Ends ends;
  UniqueFd errors;
  UniqueFd childs_errors;
  if (!(launch.standard_streams ? MakePipes(&ends) : MakeSocket(&ends)) ||
      !MakePipe(&errors, &childs_errors)) {
    return Failed(absl::ErrnoToStatus(errno, "no pipe").message());
  }
  SetNonBlocking(ends.to);
  SetNonBlocking(ends.from);

  SpawnOptions options;
  options.program = launch.program;
  options.arguments = launch.arguments;
  options.environment = Environment(number);
  options.directory = launch.directory;
  options.descriptors = Descriptors(launch, ends, childs_errors.get());
  options.group = SpawnOptions::Group::kOwnGroup;
  absl::StatusOr<pid_t> pid = Spawn(options);
  if (absl::IsNotFound(pid.status()) && !launch.fallback_program.empty()) {
    options.program = launch.fallback_program;
    pid = Spawn(options);
  }
  if (!pid.ok()) return Failed(pid.status().message());

  std::unique_ptr<WorkerProcess> process(new WorkerProcess);
  process->pid_ = *pid;
  process->to_ = std::move(ends.to);
  process->from_ = std::move(ends.from);
  process->errors_ = std::move(errors);
  process->exit_ = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, *pid, 0)));
  if (!process->exit_.valid()) {
    return Failed(absl::ErrnoToStatus(errno, "pidfd_open").message());
  }
  LetItGoFirst(*pid);
  return process;
}

WorkerProcess::~WorkerProcess() {
  if (pid_ < 0) return;
  Kill();
  waitpid(pid_, nullptr, 0);
}

void WorkerProcess::CloseInput() {
  // A socket's other descriptor would keep it open.
  shutdown(to_.get(), SHUT_WR);
  to_.Reset();
}

void WorkerProcess::Kill() const {
  // Of a process that is reaped the number is another's, and -1 is everybody's.
  MSGPROC_CHECK_GT(pid_, 1);
  kill(-pid_, SIGKILL);
}

WorkerExit WorkerProcess::Reap() {
  Kill();  // As long as it is not reaped its group's number is its own.
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  WorkerExit result;
  result.signalled = WIFSIGNALED(status);
  result.code = result.signalled ? WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

size_t WorkerProcess::Memory() const {
  // What a command has started counts too: often the shell only waits.
  size_t bytes = 0;
  std::vector<pid_t> family = {pid_};
  for (size_t i = 0; i < family.size() && i < kMaxFamily; ++i) {
    bytes += ReadResidentBytes(family[i]);
    const std::vector<pid_t> children = ReadChildren(family[i]);
    family.insert(family.end(), children.begin(), children.end());
  }
  return bytes;
}

}  // namespace msgproc::processor
