#ifndef MSGPROC_SERVICES_BASE_FILE_WATCHER_H_
#define MSGPROC_SERVICES_BASE_FILE_WATCHER_H_

#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/base/metric_writer.h"
#include "services/base/reloaded_files.h"

namespace msgproc::base {

// The thread that looks at a process's reloaded files now and then.
// Thread-safe.
class FileWatcher {
 public:
  // Begins at the first Add.
  explicit FileWatcher(absl::Duration interval) : interval_(interval) {}
  ~FileWatcher();

  // `files` were loaded.
  void Add(std::shared_ptr<ReloadedFiles> files);

  std::vector<ReloadedFiles::Stats> Stats() const;

 private:
  void Run();
  std::vector<std::shared_ptr<ReloadedFiles>> All() const;

  const absl::Duration interval_;
  mutable Mutex mutex_;
  CondVar stopped_;
  std::vector<std::shared_ptr<ReloadedFiles>> files_ MSGPROC_GUARDED_BY(mutex_);
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::thread thread_ MSGPROC_GUARDED_BY(mutex_);
};

// Writes PREFIX_reloads_total, PREFIX_reload_failures_total and
// PREFIX_certificate_expiry_seconds, each by `files`.
void WriteReloadMetrics(absl::string_view prefix,
                        const std::vector<ReloadedFiles::Stats>& stats,
                        absl::Time now, MetricWriter* writer);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_FILE_WATCHER_H_
