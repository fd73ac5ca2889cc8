#include "services/base/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <optional>

#include "absl/time/time.h"
#include "common/proc_files.h"
#include "services/base/log.h"
#include "services/base/metric_writer.h"

namespace msgproc::base {
namespace {

void WriteStat(const ProcessStat& stat, MetricWriter* writer) {
  static const absl::Time booted = ReadMachineStat().booted;
  writer
      ->Counter("process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.")
      .Add({}, absl::ToDoubleSeconds(stat.cpu));
  writer
      ->Gauge("process_resident_memory_bytes", "Resident memory size in bytes.")
      .Add({}, static_cast<double>(stat.resident_bytes));
  writer->Gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.")
      .Add({}, static_cast<double>(stat.virtual_bytes));
  writer
      ->Gauge("process_start_time_seconds",
              "Start time of the process since unix epoch in seconds.")
      .Add({},
           absl::ToDoubleSeconds(booted + stat.started - absl::UnixEpoch()));
  writer->Gauge("process_threads", "Threads of the process.")
      .Add({}, static_cast<double>(stat.threads));
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessMetrics::Collect() const {
  MetricWriter writer;
  const std::optional<ProcessStat> stat = ReadProcessStat(getpid());
  if (stat) WriteStat(*stat, &writer);
  const int open = CountOpenDescriptors();
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
