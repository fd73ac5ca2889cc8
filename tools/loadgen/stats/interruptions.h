#ifndef MSGPROC_TOOLS_LOADGEN_STATS_INTERRUPTIONS_H_
#define MSGPROC_TOOLS_LOADGEN_STATS_INTERRUPTIONS_H_

#include <algorithm>
#include <cstdint>
#include <optional>

namespace msgproc::loadgen {

// Interruptions of one or, added up, of several streams.
struct Interruptions {
  uint64_t count = 0;
  int64_t longest = 0;  // Nanoseconds.
  int64_t total = 0;    // Nanoseconds; of overlapping ones the sum.

  void Add(const Interruptions& other) {
    count += other.count;
    longest = std::max(longest, other.longest);
    total += other.total;
  }
};

// Measures the interruptions of one stream: stretches in which messages were
// waiting for their results and there was no connection that could have brought
// them. A stream that has nothing outstanding is not interrupted, however often
// it reconnects, and the first connecting is no interruption.
//
// Times are nanoseconds of any clock. Not thread-safe.
class InterruptionTracker {
 public:
  // The connection is gone, or could not be made again.
  void Disconnected(int64_t now) {
    if (!disconnected_at_) disconnected_at_ = now;
  }

  // There is a connection again. `oldest_outstanding`: when the oldest message
  // that still waits for its result was sent; nothing if none waits.
  void Connected(int64_t now, std::optional<int64_t> oldest_outstanding) {
    if (!disconnected_at_) return;
    if (oldest_outstanding) {
      const int64_t start = std::max(*disconnected_at_, *oldest_outstanding);
      const int64_t length = std::max<int64_t>(0, now - start);
      found_.Add(Interruptions{1, length, length});
    }
    disconnected_at_.reset();
  }

  // The run is over: what is interrupted now stays so.
  void Finish(int64_t now, std::optional<int64_t> oldest_outstanding) {
    Connected(now, oldest_outstanding);
  }

  const Interruptions& found() const { return found_; }

  // Forgets what was found; a stretch that has begun goes on.
  void Reset() { found_ = Interruptions(); }

 private:
  std::optional<int64_t> disconnected_at_;
  Interruptions found_;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_STATS_INTERRUPTIONS_H_
