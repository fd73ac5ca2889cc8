#include "tools/loadgen/report/machine.h"

#include <sys/utsname.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/proc_files.h"
#include "common/process_limits.h"

namespace msgproc::loadgen {
namespace {

std::string Cpus() {
  const long all = sysconf(_SC_NPROCESSORS_ONLN);
  const int ours = ReadProcessLimits().affinity;
  std::string text =
      ours == all ? absl::StrCat(all) : absl::StrCat(ours, " of ", all);
  absl::StrAppend(&text, all == 1 ? " CPU" : " CPUs");
  const std::string model = ReadCpuModel();
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
