#ifndef MSGPROC_SERVICES_BASE_RELOADED_FILES_H_
#define MSGPROC_SERVICES_BASE_RELOADED_FILES_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/base/file_text.h"

namespace msgproc::base {

// Files that are taken anew, together, while the process runs: read, checked,
// then taken whole or not at all.
//
//            Load                changed, and still for one Poll
//   [ none ]──────►[ in use ]──────────────────────────────────►[ checked ]
//      error: it        ▲  ▲         good: taken, logged            │ │
//      does not start   │  └────────────────────────────────────────┘ │
//                       └─────────────────────────────────────────────┘
//                         bad: what was in use stays; logged once, counted
//                         at every Poll until the files are good again
//
// Contents are compared, not times: links that are switched, files renamed into
// place, written over or written in pieces are all seen. A change is looked at
// only when two readings in a row agree, so that a file which is being written
// is not taken before it is whole, and one that is away for the moment that an
// editor needs is not missed. Thread-safe.
class ReloadedFiles {
 public:
  // Checks the files' contents, in the order of the paths, and if they are good
  // makes them what is used from here on. Returns until when they are good
  // (InfiniteFuture: for ever). On an error nothing has changed.
  using Take = std::function<absl::StatusOr<absl::Time>(
      const std::vector<FileText>& files, absl::Time now)>;
  using Read = std::function<absl::StatusOr<FileText>(const std::string& path)>;

  struct Stats {
    std::string name;
    uint64_t reloads = 0;   // Taken anew; the first time does not count.
    uint64_t failures = 0;  // Polls that found something bad.
    // Until when what is in use is good.
    absl::Time expires = absl::InfiniteFuture();
  };

  // `name` says what they are in logs and metrics: "certificate".
  ReloadedFiles(std::string name, std::vector<std::string> paths, Take take,
                Read read = ReadFileText);

  // Takes them for the first time. Errors of Read and Take.
  absl::Status Load(absl::Time now);

  // Looks at them again, as described above; to be called now and then after
  // Load. Returns what is wrong with them, as far as that is known.
  absl::Status Poll(absl::Time now);

  Stats stats() const;

 private:
  absl::StatusOr<std::vector<std::string>> ReadAll() const;
  absl::Status TryToTake(std::vector<std::string> texts, absl::Time now)
      MSGPROC_REQUIRES(mutex_);
  // Counts, and logs what was not the last thing logged.
  absl::Status Fail(const absl::Status& status) MSGPROC_REQUIRES(mutex_);

  const std::string name_;
  const std::vector<std::string> paths_;
  const Take take_;
  const Read read_;

  mutable Mutex mutex_;
  std::vector<std::string> in_use_ MSGPROC_GUARDED_BY(mutex_);
  // By the last Poll: contents, or why there are none.
  absl::StatusOr<std::vector<std::string>> last_seen_
      MSGPROC_GUARDED_BY(mutex_);
  // What is wrong with the files; OK: nothing.
  absl::Status wrong_ MSGPROC_GUARDED_BY(mutex_);
  Stats stats_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_RELOADED_FILES_H_
