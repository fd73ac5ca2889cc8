#include "tools/cluster/process_usage.h"

#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace msgproc::cluster {
namespace {

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The fields of proc(5)'s /proc/PID/stat from the third (state) on: what is
// before may have blanks in it.
std::vector<std::string> StatFields(pid_t pid) {
  const std::string stat = ReadFile(absl::StrCat("/proc/", pid, "/stat"));
  const size_t end_of_name = stat.rfind(')');
  if (end_of_name == std::string::npos) return {};
  return absl::StrSplit(stat.substr(end_of_name + 2), ' ');
}

uint64_t Number(const std::string& text) {
  uint64_t number = 0;
  return absl::SimpleAtoi(text, &number) ? number : 0;
}

// Of all its threads, to the nanosecond: a short load takes less than the tick
// that /proc counts in.
absl::Duration CpuClock(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 ||
      clock_gettime(clock, &time) != 0) {
    return absl::ZeroDuration();
  }
  return absl::DurationFromTimespec(time);
}

ProcessUsage UsageOf(pid_t pid) {
  const std::vector<std::string> fields = StatFields(pid);
  constexpr size_t kReapedUtime = 13;  // Then their stime.
  constexpr size_t kResidentPages = 21;
  ProcessUsage usage;
  if (fields.size() <= kResidentPages) return usage;
  const uint64_t ticks =
      Number(fields[kReapedUtime]) + Number(fields[kReapedUtime + 1]);
  usage.cpu =
      CpuClock(pid) + absl::Seconds(static_cast<double>(ticks) /
                                    static_cast<double>(sysconf(_SC_CLK_TCK)));
  usage.resident_bytes = Number(fields[kResidentPages]) *
                         static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return usage;
}

// The kernel lists children by the thread that started them.
std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::vector<pid_t> children;
  std::error_code gone;
  for (const auto& thread : std::filesystem::directory_iterator(
           absl::StrCat("/proc/", pid, "/task"), gone)) {
    const std::string list = ReadFile(thread.path() / "children");
    for (const auto& word : absl::StrSplit(list, ' ', absl::SkipEmpty())) {
      pid_t child = 0;
      if (absl::SimpleAtoi(word, &child)) children.push_back(child);
    }
  }
  return children;
}

}  // namespace

ProcessUsage UsageOfTree(pid_t root) {
  ProcessUsage usage = UsageOf(root);
  for (const pid_t child : ChildrenOf(root)) usage += UsageOfTree(child);
  return usage;
}

}  // namespace msgproc::cluster
