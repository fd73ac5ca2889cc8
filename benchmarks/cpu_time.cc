#include "benchmarks/cpu_time.h"

#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"

namespace msgproc::benchmarks {
namespace {

double Seconds(pid_t pid) {
  timespec time{};
  clockid_t clock;
  if (clock_getcpuclockid(pid, &clock) != 0) return 0;
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace

CpuTime CpuTime::Of(pid_t server) {
  CpuTime time;
  time.client = Seconds(getpid());
  time.server = Seconds(server);
  // Children are listed by the thread that started them.
  for (const auto& thread : std::filesystem::directory_iterator(
           absl::StrCat("/proc/", server, "/task"))) {
    std::ifstream children(thread.path() / "children");
    pid_t child;
    while (children >> child) time.workers += Seconds(child);
  }
  return time;
}

}  // namespace msgproc::benchmarks
