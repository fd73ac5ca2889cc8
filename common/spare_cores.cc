#include "common/spare_cores.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "common/clock.h"
#include "common/process_limits.h"

namespace msgproc {
namespace {

absl::Duration IdleTime() {
  std::ifstream file("/proc/stat");
  std::string cpu;
  int64_t user = 0, nice = 0, system = 0, idle = 0, waiting = 0;
  if (!(file >> cpu >> user >> nice >> system >> idle >> waiting)) return {};
  return absl::Seconds(static_cast<double>(idle + waiting) /
                       static_cast<double>(sysconf(_SC_CLK_TCK)));
}

}  // namespace

SpareCores::SpareCores() : cpus_(ReadProcessLimits().cpus()), last_(Read()) {}

SpareCores::Reading SpareCores::Read() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return {.at = Clock::Monotonic()->Now(),
          .idle = IdleTime(),
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
