#include "benchmarks/child_server.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/spawn.h"
#include "tools/cluster/process_usage.h"

namespace msgproc::benchmarks {
namespace {

[[noreturn]] void Die(const char* what) {
  std::perror(what);
  std::exit(1);
}

}  // namespace

std::unique_ptr<ChildServer> ChildServer::Start(
    const std::string& role, const std::vector<std::string>& arguments) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0) {
    Die("pipe");
  }
  std::vector<std::string> words = {"/proc/self/exe", "--role=" + role};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::unique_ptr<ChildServer> child(new ChildServer);
  const absl::StatusOr<pid_t> pid =
      Spawn({.arguments = words,
             .descriptors = {{.as = STDIN_FILENO, .from = in[0]},
                             {.as = STDOUT_FILENO, .from = out[1]}}});
  if (!pid.ok()) {
    std::fprintf(stderr, "%s\n", pid.status().ToString().c_str());
    std::exit(1);
  }
  child->pid_ = *pid;
  close(in[0]);
  close(out[1]);
  child->to_child_ = in[1];
  char byte;
  while (read(out[0], &byte, 1) == 1 && byte != '\n') child->address_ += byte;
  close(out[0]);
  if (child->address_.empty()) {
    std::fprintf(stderr, "The server '%s' did not start.\n", role.c_str());
    std::exit(1);
  }
  return child;
}

ChildServer::~ChildServer() {
  close(to_child_);
  waitpid(pid_, nullptr, 0);
}

double ChildServer::CpuSeconds() const {
  return absl::ToDoubleSeconds(cluster::UsageOfTree(pid_).cpu);
}

void ChildServer::Serve(const std::string& address) {
  const std::string line = address + "\n";
  if (write(STDOUT_FILENO, line.data(), line.size()) < 0) Die("write");
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

}  // namespace msgproc::benchmarks
