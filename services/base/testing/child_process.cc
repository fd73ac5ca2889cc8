#include "services/base/testing/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstddef>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "services/base/testing/eventually.h"

namespace msgproc::base {

ChildProcess::ChildProcess(const std::vector<std::string>& arguments) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
  output_fd_.Reset(ends[0]);
  const UniqueFd write_end(ends[1]);
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDERR_FILENO);
  const int error =
      posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  EXPECT_EQ(error, 0) << "cannot run " << arguments[0];
  if (error != 0) pid_ = -1;
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
