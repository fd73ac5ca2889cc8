#ifndef MSGPROC_SERVICES_BASE_TESTING_CHILD_PROCESS_H_
#define MSGPROC_SERVICES_BASE_TESTING_CHILD_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <thread>
#include <vector>

#include "common/mutex.h"
#include "services/base/unique_fd.h"

namespace msgproc::base {

// A program run by a test; killed at its end, should it still run. Its standard
// output and error are collected together.
class ChildProcess {
 public:
  // `arguments` begin with the program: a path, or a name in PATH. A test
  // failure when it cannot start.
  explicit ChildProcess(const std::vector<std::string>& arguments);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;

  // What it has written so far.
  std::string Output() const;
  // Whether `text` is written within 20 s.
  bool EventuallyPrints(const std::string& text) const;

  // Waits for its end, for at most 20 s: its exit code, 128 + signal when a
  // signal killed it, -1 when it still runs. After its end Output is complete.
  int Wait();

 private:
  pid_t pid_ = -1;
  UniqueFd output_fd_;
  mutable Mutex mutex_;
  std::string output_ MSGPROC_GUARDED_BY(mutex_);
  std::thread reader_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_TESTING_CHILD_PROCESS_H_
