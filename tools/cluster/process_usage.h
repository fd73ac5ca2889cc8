#ifndef MSGPROC_TOOLS_CLUSTER_PROCESS_USAGE_H_
#define MSGPROC_TOOLS_CLUSTER_PROCESS_USAGE_H_

#include <sys/types.h>

#include <cstdint>

#include "absl/time/time.h"

namespace msgproc::cluster {

struct ProcessUsage {
  absl::Duration cpu;           // User and system; of reaped children in ticks.
  uint64_t resident_bytes = 0;  // Now; pages shared by processes count in each.

  ProcessUsage& operator+=(const ProcessUsage& other) {
    cpu += other.cpu;
    resident_bytes += other.resident_bytes;
    return *this;
  }
};

// What a process and all its descendants have used, from /proc; those that were
// reaped count too. Zero for one that is gone.
ProcessUsage UsageOfTree(pid_t root);

}  // namespace msgproc::cluster

#endif  // MSGPROC_TOOLS_CLUSTER_PROCESS_USAGE_H_
