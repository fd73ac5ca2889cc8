#include "services/base/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "services/base/log.h"
#include "services/base/metric_writer.h"

namespace msgproc::base {
namespace {

// Fields of /proc/self/stat, counted from the state, which is the first after
// the program's name: proc(5) counts from one and the state is its third.
enum StatField {
  kUserTime = 14 - 3,
  kSystemTime = 15 - 3,
  kThreads = 20 - 3,
  kStartTime = 22 - 3,
  kVirtualBytes = 23 - 3,
  kResidentPages = 24 - 3,
};

std::vector<double> ReadStat() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  // The name may hold blanks and brackets of its own.
  const size_t name_end = line.rfind(") ");
  if (name_end == std::string::npos) return {};
  std::vector<double> fields;
  for (const absl::string_view word :
       absl::StrSplit(absl::string_view(line).substr(name_end + 2), ' ')) {
    double value = 0;
    if (!absl::SimpleAtod(word, &value)) value = 0;  // The state's letter.
    fields.push_back(value);
  }
  if (fields.size() <= kResidentPages) return {};
  return fields;
}

double BootTime() {
  std::ifstream file("/proc/stat");
  std::string word;
  double seconds = 0;
  while (file >> word) {
    if (word == "btime") {
      file >> seconds;
      break;
    }
  }
  return seconds;
}

int CountOpenFds() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"),
                                                   &closedir);
  if (folder == nullptr) return -1;
  int count = 0;
  while (const dirent* entry = readdir(folder.get())) {
    if (entry->d_name[0] != '.') ++count;
  }
  return count - 1;  // Not the one that looks.
}

void WriteStat(const std::vector<double>& stat, MetricWriter* writer) {
  static const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  static const auto page = static_cast<double>(sysconf(_SC_PAGESIZE));
  static const double boot_time = BootTime();
  writer
      ->Counter("process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.")
      .Add({}, (stat[kUserTime] + stat[kSystemTime]) / ticks);
  writer
      ->Gauge("process_resident_memory_bytes", "Resident memory size in bytes.")
      .Add({}, stat[kResidentPages] * page);
  writer->Gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.")
      .Add({}, stat[kVirtualBytes]);
  writer
      ->Gauge("process_start_time_seconds",
              "Start time of the process since unix epoch in seconds.")
      .Add({}, boot_time + stat[kStartTime] / ticks);
  writer->Gauge("process_threads", "Threads of the process.")
      .Add({}, stat[kThreads]);
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessMetrics::Collect() const {
  MetricWriter writer;
  const std::vector<double> stat = ReadStat();
  if (!stat.empty()) WriteStat(stat, &writer);
  const int open = CountOpenFds();
  if (open >= 0) {
    writer.Gauge("process_open_fds", "Number of open file descriptors.")
        .Add({}, open);
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    writer.Gauge("process_max_fds", "Maximum number of open file descriptors.")
        .Add({}, static_cast<double>(limit.rlim_cur));
  }
  writer
      .Counter("msgproc_log_lines_dropped_total",
               "Log lines that nobody read in time, or that could not be "
               "written.")
      .Add({}, static_cast<double>(LogLinesDropped()));
  return writer.Take();
}

}  // namespace msgproc::base
