#ifndef MSGPROC_TOOLS_LOADGEN_STREAM_STREAM_JOURNAL_H_
#define MSGPROC_TOOLS_LOADGEN_STREAM_STREAM_JOURNAL_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/mutex.h"
#include "tools/loadgen/report/report.h"
#include "tools/loadgen/stats/interruptions.h"

namespace msgproc::loadgen {

// What befell one stream beside its results: which servers it was connected to
// and how many results came from each, interruptions, how it ended. Written by
// the stream's callbacks, read by the run: thread-safe. Times are nanoseconds
// of the run's clock; `answered` counts the stream's results since it was
// opened.
class StreamJournal {
 public:
  struct Entries {
    Interruptions interruptions;
    std::map<std::string, ServerShare> servers;  // By server_id.
  };

  void Connected(int64_t now, absl::string_view server_id,
                 absl::string_view address, uint64_t answered,
                 std::optional<int64_t> oldest_outstanding);
  void Disconnected(int64_t now);

  // The stream takes no more messages or has ended; the first reason stays.
  void Failed(const absl::Status& why);
  absl::Status failure() const;

  // Begins anew with a phase; the connection stays what it is.
  void BeginPhase(uint64_t answered);

  // What happened since the phase began.
  Entries EndPhase(int64_t now, uint64_t answered,
                   std::optional<int64_t> oldest_outstanding);

 private:
  void CountForServer(uint64_t answered) MSGPROC_REQUIRES(mutex_);

  mutable Mutex mutex_;
  InterruptionTracker interruptions_ MSGPROC_GUARDED_BY(mutex_);
  std::map<std::string, ServerShare> servers_ MSGPROC_GUARDED_BY(mutex_);
  std::string server_id_ MSGPROC_GUARDED_BY(mutex_);  // Empty: none so far.
  std::string address_ MSGPROC_GUARDED_BY(mutex_);
  uint64_t counted_ MSGPROC_GUARDED_BY(mutex_) =
      0;  // Results given to servers.
  absl::Status failure_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_STREAM_STREAM_JOURNAL_H_
