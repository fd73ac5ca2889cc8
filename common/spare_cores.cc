#include "common/spare_cores.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

#include "common/clock.h"

namespace msgproc {
namespace {

// The folder of this process's control group of version 2, below the root.
std::string ControlGroup() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("0::", 0) == 0) return line.substr(3);
  }
  return "/";
}

double Quota() {
  const std::string root = "/sys/fs/cgroup";
  // In a container the root is its own.
  for (const std::string& folder : {root + ControlGroup(), root}) {
    std::ifstream file(folder + "/cpu.max");
    std::string quota;
    double period = 0;
    if (!(file >> quota >> period)) continue;
    if (quota != "max" && period > 0) return std::stod(quota) / period;
  }
  double quota = 0;
  double period = 0;
  std::ifstream(root + "/cpu/cpu.cfs_quota_us") >> quota;
  std::ifstream(root + "/cpu/cpu.cfs_period_us") >> period;
  return quota > 0 && period > 0 ? quota / period
                                 : std::numeric_limits<double>::infinity();
}

absl::Duration IdleTime() {
  std::ifstream file("/proc/stat");
  std::string cpu;
  int64_t user = 0, nice = 0, system = 0, idle = 0, waiting = 0;
  if (!(file >> cpu >> user >> nice >> system >> idle >> waiting)) return {};
  return absl::Seconds(static_cast<double>(idle + waiting) /
                       static_cast<double>(sysconf(_SC_CLK_TCK)));
}

}  // namespace

SpareCores::SpareCores() : quota_(Quota()), last_(Read()) {}

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
  const double left = quota_ - absl::FDivDuration(used, passed);
  return std::max(0.0, std::min(absl::FDivDuration(idle, passed), left));
}

}  // namespace msgproc
