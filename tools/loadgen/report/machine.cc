#include "tools/loadgen/report/machine.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace msgproc::loadgen {
namespace {

// Empty where the kernel has no such line, as on ARM.
std::string CpuModel() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!absl::StartsWith(line, "model name")) continue;
    return std::string(
        absl::StripAsciiWhitespace(line.substr(line.find(':') + 1)));
  }
  return "";
}

std::string Cpus() {
  const long all = sysconf(_SC_NPROCESSORS_ONLN);
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const bool known = sched_getaffinity(0, sizeof(allowed), &allowed) == 0;
  const int ours = known ? CPU_COUNT(&allowed) : static_cast<int>(all);
  std::string text =
      ours == all ? absl::StrCat(all) : absl::StrCat(ours, " of ", all);
  absl::StrAppend(&text, all == 1 ? " CPU" : " CPUs");
  const std::string model = CpuModel();
  return model.empty() ? text : absl::StrCat(text, " (", model, ")");
}

}  // namespace

std::string DescribeMachine() {
  utsname names{};
  uname(&names);
  const double bytes = static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                       static_cast<double>(sysconf(_SC_PAGESIZE));
  return absl::StrCat(names.nodename, ", ", Cpus(), ", ",
                      absl::StrFormat("%.0f GiB", bytes / (1 << 30)), ", ",
                      names.sysname, " ", names.release);
}

}  // namespace msgproc::loadgen
