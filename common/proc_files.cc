#include "common/proc_files.h"

#include <time.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/check.h"
#include "common/read_to_end.h"

namespace msgproc {
namespace {

// Fields of /proc/PID/stat, counted from the state, which is the first after
// the program's name: proc(5) counts from one and the state is its third.
enum StatField {
  kUserTime = 14 - 3,
  kSystemTime = 15 - 3,
  kReapedUserTime = 16 - 3,
  kReapedSystemTime = 17 - 3,
  kThreads = 20 - 3,
  kStartTime = 22 - 3,
  kVirtualBytes = 23 - 3,
  kResidentPages = 24 - 3,
};

template <typename T>
T Number(absl::string_view word) {
  T number = 0;
  return absl::SimpleAtoi(word, &number) ? number : 0;
}

absl::Duration Ticks(int64_t count) {
  const int64_t per_second = sysconf(_SC_CLK_TCK);
  MSGPROC_CHECK_GT(per_second, 0);
  return absl::Seconds(static_cast<double>(count) /
                       static_cast<double>(per_second));
}

uint64_t Pages(uint64_t count) {
  const int64_t bytes = sysconf(_SC_PAGESIZE);
  MSGPROC_CHECK_GT(bytes, 0);
  return count * static_cast<uint64_t>(bytes);
}

std::vector<absl::string_view> Words(absl::string_view text) {
  return absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
}

}  // namespace

std::optional<ProcessStat> ParseProcessStat(absl::string_view text) {
  // The name may hold blanks and brackets of its own.
  const size_t name_end = text.rfind(") ");
  if (name_end == absl::string_view::npos) return std::nullopt;
  const std::vector<absl::string_view> words = Words(text.substr(name_end + 2));
  if (words.size() <= kResidentPages) return std::nullopt;
  const auto number = [&words](StatField field) {
    return Number<int64_t>(words[field]);
  };
  ProcessStat stat;
  stat.cpu = Ticks(number(kUserTime) + number(kSystemTime));
  stat.reaped_cpu = Ticks(number(kReapedUserTime) + number(kReapedSystemTime));
  stat.threads = number(kThreads);
  stat.started = Ticks(number(kStartTime));
  stat.virtual_bytes = Number<uint64_t>(words[kVirtualBytes]);
  stat.resident_bytes = Pages(Number<uint64_t>(words[kResidentPages]));
  return stat;
}

std::optional<ProcessStat> ReadProcessStat(pid_t pid) {
  return ParseProcessStat(ReadWholeFile(absl::StrCat("/proc/", pid, "/stat")));
}

MachineStat ParseMachineStat(absl::string_view text) {
  constexpr size_t kIdle = 4;  // And then waiting for disks.
  MachineStat stat;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    // Others have a number for each interrupt there is.
    if (!absl::StartsWith(line, "cpu ") && !absl::StartsWith(line, "btime ")) {
      continue;
    }
    const std::vector<absl::string_view> words = Words(line);
    if (words.size() > kIdle + 1 && words[0] == "cpu") {
      stat.idle = Ticks(Number<int64_t>(words[kIdle]) +
                        Number<int64_t>(words[kIdle + 1]));
    } else if (words.size() == 2 && words[0] == "btime") {
      stat.booted = absl::FromUnixSeconds(Number<int64_t>(words[1]));
    }
  }
  return stat;
}

MachineStat ReadMachineStat() {
  return ParseMachineStat(ReadWholeFile("/proc/stat"));
}

size_t ParseResidentBytes(absl::string_view text) {
  const std::vector<absl::string_view> words = Words(text);
  return words.size() < 2 ? 0 : Pages(Number<uint64_t>(words[1]));
}

size_t ReadResidentBytes(pid_t pid) {
  return ParseResidentBytes(
      ReadWholeFile(absl::StrCat("/proc/", pid, "/statm")));
}

std::string ParseCpuModel(absl::string_view text) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const size_t colon = line.find(':');
    if (absl::StartsWith(line, "model name") &&
        colon != absl::string_view::npos) {
      return std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
    }
  }
  return "";
}

std::string ReadCpuModel() {
  return ParseCpuModel(ReadWholeFile("/proc/cpuinfo"));
}

std::vector<pid_t> ParseChildren(absl::string_view text) {
  std::vector<pid_t> children;
  for (const absl::string_view word : Words(text)) {
    const auto pid = Number<pid_t>(word);
    if (pid > 0) children.push_back(pid);
  }
  return children;
}

std::vector<pid_t> ReadChildren(pid_t pid) {
  std::vector<pid_t> children;
  std::error_code gone;
  for (std::filesystem::directory_iterator
           thread(absl::StrCat("/proc/", pid, "/task"), gone),
       end;
       !gone && thread != end; thread.increment(gone)) {
    const std::vector<pid_t> its =
        ParseChildren(ReadWholeFile(thread->path() / "children"));
    children.insert(children.end(), its.begin(), its.end());
  }
  return children;
}

std::vector<std::string> ParseArguments(absl::string_view text) {
  if (text.empty()) return {};
  absl::ConsumeSuffix(&text,
                      absl::string_view("\0", 1));  // Each ends with one.
  return absl::StrSplit(text, '\0');
}

std::vector<std::string> ReadOwnArguments() {
  return ParseArguments(ReadWholeFile("/proc/self/cmdline"));
}

int CountOpenDescriptors() {
  std::error_code error;
  int count = 0;
  for (std::filesystem::directory_iterator entry("/proc/self/fd", error), end;
       !error && entry != end; entry.increment(error)) {
    ++count;
  }
  return error ? -1 : count - 1;  // Not the one that looks.
}

absl::Duration CpuTimeOf(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 ||
      clock_gettime(clock, &time) != 0) {
    return absl::ZeroDuration();
  }
  return absl::DurationFromTimespec(time);
}

}  // namespace msgproc
