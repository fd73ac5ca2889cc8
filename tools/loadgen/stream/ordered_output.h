#ifndef MSGPROC_TOOLS_LOADGEN_STREAM_ORDERED_OUTPUT_H_
#define MSGPROC_TOOLS_LOADGEN_STREAM_ORDERED_OUTPUT_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/mutex.h"

namespace msgproc::loadgen {

// Writes results to a descriptor, a line each, in the order in which their
// messages were read: message i went to stream i % streams, and each stream's
// results come in order. A thread of its own writes, so that a slow reader of
// the output never blocks a callback; WaitForRoom keeps the sender from running
// away from it. Memory: kRoomBytes and what is outstanding. Thread-safe.
class OrderedOutput {
 public:
  static constexpr size_t kRoomBytes = size_t{4} << 20;

  // `descriptor` is not owned.
  OrderedOutput(int descriptor, int streams);

  // Finishes.
  ~OrderedOutput();

  // The next result of a stream; empty for a message that failed.
  void Put(int stream, absl::string_view result);

  // Blocks while more than kRoomBytes wait to be written. Not OK: writing
  // failed, and nothing more will be written.
  absl::Status WaitForRoom();

  // No more results come: writes what is there, with an empty line for each
  // message that has none before others that do.
  absl::Status Finish();

 private:
  void Run();
  bool Collect(std::string* text) MSGPROC_REQUIRES(mutex_);
  absl::Status Write(absl::string_view text) const;

  const int descriptor_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::deque<std::string>> results_ MSGPROC_GUARDED_BY(mutex_);
  size_t next_ MSGPROC_GUARDED_BY(mutex_) = 0;  // Whose result is written next.
  size_t waiting_results_ MSGPROC_GUARDED_BY(mutex_) = 0;
  size_t bytes_ MSGPROC_GUARDED_BY(mutex_) = 0;
  bool finishing_ MSGPROC_GUARDED_BY(mutex_) = false;
  absl::Status status_ MSGPROC_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_STREAM_ORDERED_OUTPUT_H_
