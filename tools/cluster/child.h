#ifndef MSGPROC_TOOLS_CLUSTER_CHILD_H_
#define MSGPROC_TOOLS_CLUSTER_CHILD_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace msgproc::cluster {

// A program that runs until it ends or its owner does: killed by the
// destructor, with all that it started, and asked to end by the kernel when the
// thread that started it ends. Leads a process group of its own, so that Ctrl-C
// reaches the owner alone. Not thread-safe.
class Child {
 public:
  // `arguments` begin with the program's path. Standard output and error go to
  // the file `log`, which is replaced, or longer than before. NOT_FOUND, naming
  // the program.
  enum class LogMode { kReplace, kAppend };
  static absl::StatusOr<std::unique_ptr<Child>> Start(
      const std::vector<std::string>& arguments, const std::string& log,
      LogMode mode = LogMode::kReplace);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  const std::string& log() const { return log_; }
  bool Running();

  // Sends a signal; nothing once it has ended.
  void Signal(int signal);
  // Ends it and its descendants at once.
  void Kill();
  // The exit code, 128 + signal when a signal ended it; empty when it still
  // runs after `timeout`.
  std::optional<int> Wait(absl::Duration timeout);

  // What it and its reaped descendants used, once it has ended.
  absl::Duration cpu_at_end() const { return cpu_; }

  // The last lines of what it wrote, for error messages.
  std::string LastWords() const;

 private:
  Child(pid_t pid, std::string log) : pid_(pid), log_(std::move(log)) {}
  bool Reap(bool wait);

  const pid_t pid_;
  const std::string log_;
  std::optional<int> exit_code_;
  absl::Duration cpu_;
};

}  // namespace msgproc::cluster

#endif  // MSGPROC_TOOLS_CLUSTER_CHILD_H_
