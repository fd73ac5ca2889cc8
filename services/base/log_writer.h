#ifndef MSGPROC_SERVICES_BASE_LOG_WRITER_H_
#define MSGPROC_SERVICES_BASE_LOG_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"

namespace msgproc::base {

// Writes lines to a descriptor on a thread of its own, in the order in which
// they came, so that whoever logs never waits for whoever reads the log: a pipe
// that nobody empties, a terminal that was stopped, a disk that hangs.
//
// What waits is bounded in lines and in bytes. Beyond the bounds lines are
// dropped until half of the room is free again; so are lines that cannot be
// written (a full disk, a closed socket). Dropped lines are counted, and as
// soon as lines can be written again a notice says how many are missing, in
// their place.
//
// Thread-safe.
class LogWriter {
 public:
  struct Options {
    int fd = 2;  // Of the caller; stays open as long as the process lives.
    size_t max_lines = 8192;
    size_t max_bytes = size_t{4} << 20;
    // The line that says how many are missing, with its newline.
    std::function<std::string(uint64_t dropped)> notice;
  };

  explicit LogWriter(Options options);
  // Does not wait: a thread that is stuck in a write keeps what it needs, and
  // ends when it is released.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  // Queues a line, with its newline, or drops it. Never waits for the reader.
  void Write(std::string line);

  // Waits until every line so far is written or dropped; false when that took
  // longer than `timeout`.
  bool Flush(absl::Duration timeout) const;

  // The same for a process that is about to die of a signal: touches no lock
  // and calls nothing that is not async-signal-safe.
  void FlushInSignalHandler(absl::Duration timeout) const;

  uint64_t dropped() const;

 private:
  class Queue;
  const std::shared_ptr<Queue> queue_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_LOG_WRITER_H_
