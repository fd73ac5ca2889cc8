#include "common/process_limits.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "common/read_to_end.h"

namespace msgproc {
namespace {

constexpr double kNone = std::numeric_limits<double>::infinity();
constexpr int kMaxCpus = 1 << 16;

int Affinity() {
  // The kernel refuses a set that is smaller than its own.
  for (int cpus = 1024; cpus <= kMaxCpus; cpus *= 4) {
    cpu_set_t* set = CPU_ALLOC(static_cast<size_t>(cpus));
    const size_t size = CPU_ALLOC_SIZE(static_cast<size_t>(cpus));
    // The main thread's: this one may be pinned.
    const bool known = sched_getaffinity(getpid(), size, set) == 0;
    const int count = known ? CPU_COUNT_S(size, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

std::vector<std::string> Lines(const std::string& path) {
  return absl::StrSplit(ReadWholeFile(path), '\n', absl::SkipEmpty());
}

// The words of a file's first line, of which there must be as many.
std::vector<std::string> Words(const std::string& path, size_t count) {
  const std::vector<std::string> lines = Lines(path);
  if (lines.empty()) return {};
  std::vector<std::string> words =
      absl::StrSplit(lines[0], ' ', absl::SkipWhitespace());
  return words.size() == count ? words : std::vector<std::string>();
}

double Number(const std::string& path) {
  const std::vector<std::string> words = Words(path, 1);
  double number = 0;
  return !words.empty() && absl::SimpleAtod(words[0], &number) ? number : kNone;
}

// mountinfo writes a blank as \040.
std::string Unescape(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] == '0') {
      out += static_cast<char>((text[i + 2] - '0') * 8 + (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// A hierarchy of control groups and where this process is in it.
struct Hierarchy {
  bool version2 = false;
  // Where it is mounted, and which of its groups is shown there.
  std::string mount;
  std::string mount_root;
  // The process's own group, from the hierarchy's root on.
  std::string group;
};

// "36 25 0:31 /root /mount/point options - cgroup2 source options".
bool ReadMount(const std::string& line, const std::string& controller,
               Hierarchy* hierarchy) {
  const std::vector<std::string> halves =
      absl::StrSplit(line, absl::MaxSplits(" - ", 1));
  if (halves.size() != 2) return false;
  const std::vector<std::string> left = absl::StrSplit(halves[0], ' ');
  const std::vector<std::string> right = absl::StrSplit(halves[1], ' ');
  if (left.size() < 5 || right.size() < 3) return false;
  hierarchy->version2 = right[0] == "cgroup2";
  if (!hierarchy->version2) {
    const std::vector<std::string> options = absl::StrSplit(right[2], ',');
    if (right[0] != "cgroup" || std::find(options.begin(), options.end(),
                                          controller) == options.end()) {
      return false;
    }
  }
  hierarchy->mount_root = Unescape(left[3]);
  hierarchy->mount = Unescape(left[4]);
  return true;
}

// "4:cpu,cpuacct:/group" in version 1, "0::/group" in version 2.
std::string GroupOf(const std::vector<std::string>& groups, bool version2,
                    const std::string& controller) {
  for (const std::string& line : groups) {
    const std::vector<std::string> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::vector<std::string> controllers = absl::StrSplit(parts[1], ',');
    const bool found = version2
                           ? parts[0] == "0" && parts[1].empty()
                           : std::find(controllers.begin(), controllers.end(),
                                       controller) != controllers.end();
    if (found) return parts[2];
  }
  return "/";
}

std::vector<Hierarchy> Hierarchies(const std::string& root,
                                   const std::string& controller) {
  const std::vector<std::string> groups =
      Lines(absl::StrCat(root, "/proc/self/cgroup"));
  std::vector<Hierarchy> hierarchies;
  for (const std::string& line :
       Lines(absl::StrCat(root, "/proc/self/mountinfo"))) {
    Hierarchy hierarchy;
    if (!ReadMount(line, controller, &hierarchy)) continue;
    hierarchy.group = GroupOf(groups, hierarchy.version2, controller);
    hierarchies.push_back(std::move(hierarchy));
  }
  return hierarchies;
}

// The folders of the process's group and of all that it is part of, as far as
// they can be seen.
std::vector<std::string> Folders(const Hierarchy& hierarchy) {
  std::string below = hierarchy.group;
  if (hierarchy.mount_root != "/") {
    // In a container the group may be told by the host's name for it.
    below = absl::StartsWith(below, hierarchy.mount_root)
                ? below.substr(hierarchy.mount_root.size())
                : "";
  }
  if (absl::StrContains(below, "..")) below.clear();
  std::vector<std::string> folders = {hierarchy.mount};
  for (const absl::string_view part :
       absl::StrSplit(below, '/', absl::SkipEmpty())) {
    folders.push_back(absl::StrCat(folders.back(), "/", part));
  }
  return folders;
}

// The smallest of what `read` says of each group.
double Smallest(const std::string& root, const std::string& controller,
                const std::function<double(const std::string& folder,
                                           bool version2)>& read) {
  double smallest = kNone;
  for (const Hierarchy& hierarchy : Hierarchies(root, controller)) {
    for (const std::string& folder : Folders(hierarchy)) {
      smallest = std::min(smallest, read(root + folder, hierarchy.version2));
    }
  }
  return smallest;
}

double CpuQuota(const std::string& folder, bool version2) {
  double quota = kNone;
  double period = kNone;
  if (version2) {
    const std::vector<std::string> words = Words(folder + "/cpu.max", 2);
    if (words.empty() || !absl::SimpleAtod(words[0], &quota) ||
        !absl::SimpleAtod(words[1], &period)) {
      return kNone;
    }
  } else {
    quota = Number(folder + "/cpu.cfs_quota_us");
    period = Number(folder + "/cpu.cfs_period_us");
  }
  const bool limited = quota > 0 && period > 0 && period < kNone;
  return limited ? quota / period : kNone;
}

double MemoryLimit(const std::string& folder, bool version2) {
  const double limit =
      Number(folder + (version2 ? "/memory.max" : "/memory.limit_in_bytes"));
  return limit > 0 ? limit : kNone;
}

double MachineMemory(const std::string& root) {
  for (const std::string& line : Lines(root + "/proc/meminfo")) {
    const std::vector<std::string> words =
        absl::StrSplit(line, ' ', absl::SkipWhitespace());
    double kibibytes = 0;
    if (words.size() == 3 && words[0] == "MemTotal:" &&
        absl::SimpleAtod(words[1], &kibibytes)) {
      return kibibytes * 1024;
    }
  }
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace

double ProcessLimits::cpus() const {
  return std::min(static_cast<double>(affinity), cpu_quota);
}

int ProcessLimits::parallelism() const {
  return std::max(1, static_cast<int>(std::ceil(cpus())));
}

ProcessLimits ReadProcessLimits(const std::string& root) {
  ProcessLimits limits;
  limits.affinity = Affinity();
  limits.cpu_quota = Smallest(root, "cpu", CpuQuota);
  limits.memory_bytes = static_cast<size_t>(
      std::min(MachineMemory(root), Smallest(root, "memory", MemoryLimit)));
  return limits;
}

}  // namespace msgproc
