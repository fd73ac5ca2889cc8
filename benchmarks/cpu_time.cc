#include "benchmarks/cpu_time.h"

#include <unistd.h>

#include "absl/time/time.h"
#include "common/proc_files.h"

namespace msgproc::benchmarks {
namespace {

double Seconds(pid_t pid) { return absl::ToDoubleSeconds(CpuTimeOf(pid)); }

}  // namespace

CpuTime CpuTime::Of(pid_t server) {
  CpuTime time;
  time.client = Seconds(getpid());
  time.server = Seconds(server);
  for (const pid_t child : ReadChildren(server)) time.workers += Seconds(child);
  return time;
}

}  // namespace msgproc::benchmarks
