#include "services/base/testing/child_process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "common/spawn.h"
#include "gtest/gtest.h"
#include "services/base/testing/eventually.h"

namespace msgproc::base {

ChildProcess::ChildProcess(const std::vector<std::string>& arguments) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  output_fd_.Reset(ends[0]);
  const UniqueFd write_end(ends[1]);
  const absl::StatusOr<pid_t> pid =
      Spawn({.arguments = arguments,
             .descriptors = {{.as = STDOUT_FILENO, .from = write_end.get()},
                             {.as = STDERR_FILENO, .from = write_end.get()}}});
  EXPECT_TRUE(pid.ok()) << "cannot run " << pid.status();
  pid_ = pid.value_or(-1);
  reader_ = std::thread([this] {
    char bytes[4096];
    ssize_t size = 0;
    while ((size = read(output_fd_.get(), bytes, sizeof(bytes))) > 0) {
      MutexLock lock(&mutex_);
      output_.append(bytes, static_cast<size_t>(size));
    }
  });
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (reader_.joinable()) reader_.join();
}

void ChildProcess::Signal(int signal) const { kill(pid_, signal); }

std::string ChildProcess::Output() const {
  MutexLock lock(&mutex_);
  return output_;
}

bool ChildProcess::EventuallyPrints(const std::string& text) const {
  return Eventually([&] { return absl::StrContains(Output(), text); });
}

int ChildProcess::Wait() {
  int status = 0;
  const bool ended =
      Eventually([&] { return waitpid(pid_, &status, WNOHANG) == pid_; });
  if (!ended) return -1;
  pid_ = -1;
  reader_.join();
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace msgproc::base
