#ifndef MSGPROC_COMMON_PROC_FILES_H_
#define MSGPROC_COMMON_PROC_FILES_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// What Linux says of processes and of the machine in /proc (proc(5)), for all
// who ask: each file has a function that reads it and one that takes its text.
// What cannot be read or understood is empty or zero. Thread-safe.
namespace msgproc {

// /proc/PID/stat.
struct ProcessStat {
  absl::Duration cpu;         // User and system, in ticks.
  absl::Duration reaped_cpu;  // Of its reaped children and theirs.
  int64_t threads = 0;
  absl::Duration started;  // After the machine's start.
  uint64_t virtual_bytes = 0;
  uint64_t resident_bytes = 0;
};
std::optional<ProcessStat> ParseProcessStat(absl::string_view text);
std::optional<ProcessStat> ReadProcessStat(pid_t pid);

// /proc/stat.
struct MachineStat {
  absl::Duration idle;  // All cores together, with their waiting for disks.
  absl::Time booted = absl::UnixEpoch();
};
MachineStat ParseMachineStat(absl::string_view text);
MachineStat ReadMachineStat();

// /proc/PID/statm: how many bytes of memory the process has resident.
size_t ParseResidentBytes(absl::string_view text);
size_t ReadResidentBytes(pid_t pid);

// /proc/cpuinfo: "AMD EPYC 7B13"; empty where the kernel has no such line, as
// on ARM.
std::string ParseCpuModel(absl::string_view text);
std::string ReadCpuModel();

// /proc/PID/task/*/children: a process's children, listed by the thread that
// has started them. None where the kernel has no CONFIG_PROC_CHILDREN.
std::vector<pid_t> ParseChildren(absl::string_view text);
std::vector<pid_t> ReadChildren(pid_t pid);

// /proc/self/cmdline: what this program was started with, from argv[0] on.
std::vector<std::string> ParseArguments(absl::string_view text);
std::vector<std::string> ReadOwnArguments();

// How many descriptors this process has open; -1: unknown.
int CountOpenDescriptors();

// The CPU time of all threads of a process, to the nanosecond: a short load
// takes less than the tick that /proc counts in. Not from /proc, but asked for
// beside it.
absl::Duration CpuTimeOf(pid_t pid);

}  // namespace msgproc

#endif  // MSGPROC_COMMON_PROC_FILES_H_
