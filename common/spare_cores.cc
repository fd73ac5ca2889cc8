#include "common/spare_cores.h"

#include <time.h>

#include <algorithm>

#include "common/clock.h"
#include "common/proc_files.h"
#include "common/process_limits.h"

namespace msgproc {

SpareCores::SpareCores() : cpus_(ReadProcessLimits().cpus()), last_(Read()) {}

SpareCores::Reading SpareCores::Read() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return {.at = Clock::Monotonic()->Now(),
          .idle = ReadMachineStat().idle,
          .used = absl::DurationFromTimespec(used)};
}

double SpareCores::Take() {
  const Reading now = Read();
  const absl::Duration passed = now.at - last_.at;
  const absl::Duration idle = now.idle - last_.idle;
  const absl::Duration used = now.used - last_.used;
  last_ = now;
  if (passed <= absl::ZeroDuration()) return 0;
  const double left = cpus_ - absl::FDivDuration(used, passed);
  return std::max(0.0, std::min(absl::FDivDuration(idle, passed), left));
}

}  // namespace msgproc
