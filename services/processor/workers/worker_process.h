#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_PROCESS_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_PROCESS_H_

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "services/base/unique_fd.h"

namespace msgproc::processor {

// How to start a worker.
struct WorkerLaunch {
  // The file to execute; where it is gone, `fallback_program`.
  std::string program;
  std::string fallback_program;
  // From argv[0] on.
  std::vector<std::string> arguments;
  // The worker speaks on its standard input and output; otherwise on the socket
  // kWorkerSocket.
  bool standard_streams = false;
  // Where it runs; empty: where this process does.
  std::string directory;
};

// The descriptor of the socket in workers that do not use standard streams.
inline constexpr int kWorkerSocket = 3;

// How a process ended.
struct WorkerExit {
  bool signalled = false;
  int code = 0;  // The exit code, or the signal.
  // "exit code 3", "signal 9 (Killed)".
  std::string Describe() const;
};

// A child process in a process group of its own, with the descriptors to speak
// with it. It shares no other descriptor with this process. Its environment is
// this process's, without what systemd says to this one alone, and with
// MSGPROC_WORKER, its number. Not thread-safe.
class WorkerProcess {
 public:
  // Starts it, without fork: gRPC does not survive one. The thread that calls
  // must live as long as the worker is to (PR_SET_PDEATHSIG). INTERNAL: there
  // is no such program, or no room.
  static absl::StatusOr<std::unique_ptr<WorkerProcess>> Start(
      const WorkerLaunch& launch, int number);

  // Kills it if it still runs.
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;

  pid_t pid() const { return pid_; }
  // Non-blocking; two descriptors even where they are one socket.
  int to() const { return to_.get(); }
  int from() const { return from_.get(); }
  // Readable once the process has ended.
  int exit_fd() const { return exit_.get(); }
  // Its standard error, blocking, for whoever reads it.
  base::UniqueFd TakeErrors() { return std::move(errors_); }

  // No more input: tells it to finish and exit.
  void CloseInput();
  // Ends the process and all of its group.
  void Kill() const;
  // After exit_fd() is readable: kills what is left of the group, and answers
  // how the process ended.
  WorkerExit Reap();

  // Resident bytes, with those of what it has started; 0: unknown.
  size_t Memory() const;

 private:
  WorkerProcess() = default;

  pid_t pid_ = -1;
  base::UniqueFd to_;
  base::UniqueFd from_;
  base::UniqueFd errors_;
  base::UniqueFd exit_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_PROCESS_H_
