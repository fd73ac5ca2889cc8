#include "services/base/file_watcher.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/check.h"

namespace msgproc::base {

FileWatcher::~FileWatcher() {
  std::thread thread;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    stopped_.SignalAll();
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

void FileWatcher::Add(std::shared_ptr<ReloadedFiles> files) {
  MutexLock lock(&mutex_);
  MSGPROC_CHECK(files != nullptr);
  MSGPROC_CHECK(!stopping_);
  files_.push_back(std::move(files));
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
}

std::vector<ReloadedFiles::Stats> FileWatcher::Stats() const {
  std::vector<ReloadedFiles::Stats> stats;
  for (const auto& files : All()) stats.push_back(files->stats());
  return stats;
}

std::vector<std::shared_ptr<ReloadedFiles>> FileWatcher::All() const {
  MutexLock lock(&mutex_);
  return files_;
}

void FileWatcher::Run() {
  while (true) {
    {
      MutexLock lock(&mutex_);
      if (!stopping_) stopped_.WaitFor(&mutex_, interval_);
      if (stopping_) return;
    }
    // Certificates are good by the calendar: this is the wall clock's business.
    for (const auto& files : All()) files->Poll(absl::Now()).IgnoreError();
  }
}

void WriteReloadMetrics(absl::string_view prefix,
                        const std::vector<ReloadedFiles::Stats>& stats,
                        absl::Time now, MetricWriter* writer) {
  MetricWriter::Samples reloads = writer->Counter(
      absl::StrCat(prefix, "_reloads_total"),
      "Times that changed files (certificates, tokens) were taken anew.");
  for (const ReloadedFiles::Stats& files : stats) {
    reloads.Add({{"files", files.name}}, static_cast<double>(files.reloads));
  }
  MetricWriter::Samples failures = writer->Counter(
      absl::StrCat(prefix, "_reload_failures_total"),
      "Times that changed files were looked at and not taken, as they cannot "
      "be read or are not good; those from before stay in use.");
  for (const ReloadedFiles::Stats& files : stats) {
    failures.Add({{"files", files.name}}, static_cast<double>(files.failures));
  }
  MetricWriter::Samples expiry = writer->Gauge(
      absl::StrCat(prefix, "_certificate_expiry_seconds"),
      "Seconds until the certificate in use expires; negative once it has.");
  for (const ReloadedFiles::Stats& files : stats) {
    if (files.expires == absl::InfiniteFuture()) continue;
    expiry.Add({{"files", files.name}},
               absl::ToDoubleSeconds(files.expires - now));
  }
}

}  // namespace msgproc::base
