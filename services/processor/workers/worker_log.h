#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_LOG_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_LOG_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/base/unique_fd.h"
#include "services/processor/workers/work_item.h"

namespace msgproc::processor {

// Brings what workers write to standard error into the processor's log, line by
// line, with their number. On a thread of its own: a worker that writes much
// waits for the log, and nobody else does. Lines over 8 KiB are cut in pieces.
// Thread-safe.
class WorkerLog {
 public:
  WorkerLog();
  // Reads what is there already, and stops.
  ~WorkerLog();
  WorkerLog(const WorkerLog&) = delete;
  WorkerLog& operator=(const WorkerLog&) = delete;

  // Reads `errors` to its end.
  void Add(WorkerId worker, int number, pid_t pid, base::UniqueFd errors);

  // The last line of a worker that has ended a short while ago. Waits for the
  // end of what it wrote, for at most `timeout`; empty when that does not come.
  std::string LastWords(WorkerId worker, absl::Duration timeout);

 private:
  // One worker's standard error.
  struct Source {
    WorkerId worker = 0;
    int number = 0;
    pid_t pid = 0;
    base::UniqueFd fd;
    std::string line;  // As far as it has come.
    std::string last;
  };

  void Run();
  // False: to be stopped.
  bool TakeIn(std::vector<Source>* sources);
  // False: its end has come.
  static bool Read(Source* source);
  static void Write(Source* source, absl::string_view text);
  void End(Source* source);

  const base::UniqueFd wake_;
  Mutex mutex_;
  CondVar ended_;
  std::vector<Source> added_ MSGPROC_GUARDED_BY(mutex_);
  // Of the last few that ended.
  std::map<WorkerId, std::string> last_words_ MSGPROC_GUARDED_BY(mutex_);
  bool stop_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_LOG_H_
