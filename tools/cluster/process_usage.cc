#include "tools/cluster/process_usage.h"

#include <optional>

#include "common/proc_files.h"

namespace msgproc::cluster {

ProcessUsage UsageOfTree(pid_t root) {
  const std::optional<ProcessStat> stat = ReadProcessStat(root);
  ProcessUsage usage;
  if (stat) {
    usage.cpu = CpuTimeOf(root) + stat->reaped_cpu;
    usage.resident_bytes = stat->resident_bytes;
  }
  for (const pid_t child : ReadChildren(root)) usage += UsageOfTree(child);
  return usage;
}

}  // namespace msgproc::cluster
