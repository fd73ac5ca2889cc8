#ifndef MSGPROC_TOOLS_CLUSTER_MEMBER_H_
#define MSGPROC_TOOLS_CLUSTER_MEMBER_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tools/cluster/child.h"
#include "tools/cluster/process_usage.h"

namespace msgproc::cluster {

// One place in a cluster and the process that has it at the moment, if there is
// one: how it comes, goes, comes back, and what all of its processes have used.
// Knows nothing of what runs there. Not thread-safe.
class Member {
 public:
  // `name` is what users call it ("nginx"), `title` what sentences do
  // ("NGINX"). Its processes write one after the other to the file `log`.
  Member(std::string name, std::string title, std::string log)
      : name_(std::move(name)),
        title_(std::move(title)),
        log_(std::move(log)) {}

  const std::string& name() const { return name_; }

  // Starts a process and waits until it is `ready`. There must be none. The
  // error has its last words.
  absl::Status Start(const std::vector<std::string>& command,
                     const std::function<bool()>& ready);
  // Waits for more, which `what` names in the error.
  absl::Status WaitUntil(const std::string& what,
                         const std::function<bool()>& ready);

  // 0: it does not run.
  pid_t pid() const;
  // Nothing where it does not run.
  void Signal(int signal);
  // It and all that it has started; gone when it returns.
  void Kill();
  // Waits for the end of what was told to end, for at most `timeout`, then
  // kills what is left. UNAVAILABLE if that was needed; INTERNAL when its exit
  // code is not 0.
  absl::Status AwaitEnd(absl::Duration timeout);
  // SIGTERM and AwaitEnd.
  absl::Status Terminate(absl::Duration timeout);

  // "processor-1 ended with exit code 1. It wrote: …" when it crashed; empty:
  // all is well.
  std::string EndedByItself();
  // Whether it has ended as somebody asked it to, by SIGTERM: once for each
  // process.
  bool TakeEndedAsAsked();

  // Of all its processes; of those that ended without their memory.
  ProcessUsage Usage() const;

 private:
  std::string EndedWith(int exit_code) const;
  // Whether it has ended, and whether as it was asked to.
  bool Ended(bool* as_asked);

  const std::string name_;
  const std::string title_;
  const std::string log_;
  std::unique_ptr<Child> child_;
  absl::Duration cpu_of_ended_;
};

}  // namespace msgproc::cluster

#endif  // MSGPROC_TOOLS_CLUSTER_MEMBER_H_
