#ifndef MSGPROC_COMMON_PROCESS_LIMITS_H_
#define MSGPROC_COMMON_PROCESS_LIMITS_H_

#include <cstddef>
#include <limits>
#include <string>

namespace msgproc {

// What this process may use of the machine. Every number of threads or workers
// and every share of memory that is not asked for is taken from here, since the
// machine may be far larger than a container's part of it.
struct ProcessLimits {
  // CPUs that it may run on (sched_getaffinity).
  int affinity = 1;
  // CPU time a second that the quotas of its control groups allow, in CPUs;
  // infinite where there is none. The smallest of all groups above it, of
  // version 1 (cpu.cfs_quota_us) and 2 (cpu.max).
  double cpu_quota = std::numeric_limits<double>::infinity();
  // The machine's memory, or the smallest limit of its control groups
  // (memory.limit_in_bytes, memory.max).
  size_t memory_bytes = 0;

  // CPU time a second that it can have, in CPUs: the smaller of the two.
  double cpus() const;
  // How many threads can run at the same time, at least 1: cpus(), rounded up.
  int parallelism() const;
};

// Reads them anew: quotas change while a process runs. `root` is put before
// /proc and /sys, for tests. What cannot be read limits nothing.
ProcessLimits ReadProcessLimits(const std::string& root = "");

}  // namespace msgproc

#endif  // MSGPROC_COMMON_PROCESS_LIMITS_H_
