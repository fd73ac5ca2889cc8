#ifndef MSGPROC_TOOLS_LOADGEN_STATS_LATENCY_RECORDER_H_
#define MSGPROC_TOOLS_LOADGEN_STATS_LATENCY_RECORDER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "common/check.h"
#include "common/mutex.h"
#include "tools/loadgen/stats/histogram.h"
#include "tools/loadgen/stats/time_series.h"

namespace msgproc::loadgen {

// Collects the latencies of all streams, over the whole run and over time.
// Thread-safe; streams bring their latencies in handfuls (LatencyBuffer), so
// that the lock is a part of a nanosecond a message. Owned by the run.
class LatencyRecorder {
 public:
  // The run begins at `start`, in nanoseconds of the run's clock.
  explicit LatencyRecorder(int64_t start) : start_(start) {}

  // Latencies, in nanoseconds, of results that arrived just before `now`.
  void Record(absl::Span<const int64_t> latencies, int64_t now);

  // Everything recorded so far.
  Histogram Total() const;

  // How much was recorded so far.
  uint64_t count() const;

  // Everything recorded so far, over time; `now` ends the last interval.
  std::vector<TimeSeries::Row> Series(int64_t now) const;

 private:
  void Roll(int64_t now) MSGPROC_REQUIRES(mutex_);

  const int64_t start_;
  mutable Mutex mutex_;
  Histogram current_ MSGPROC_GUARDED_BY(mutex_);  // The open interval.
  Histogram total_ MSGPROC_GUARDED_BY(mutex_);    // The closed intervals.
  TimeSeries series_ MSGPROC_GUARDED_BY(mutex_);
};

// One stream's handful of latencies on their way to the recorder. Not
// thread-safe; whoever receives the stream's results owns it.
class LatencyBuffer {
 public:
  // One more latency, of a result that arrived at `now`.
  void Add(int64_t latency, int64_t now, LatencyRecorder* recorder) {
    MSGPROC_CHECK_LT(size_, kSize);
    latencies_[size_++] = latency;
    if (size_ == kSize || now - flushed_at_ > kMaxAge) [[unlikely]] {
      Flush(now, recorder);
    }
  }

  void Flush(int64_t now, LatencyRecorder* recorder) {
    MSGPROC_CHECK_LE(size_, kSize);
    recorder->Record(absl::MakeConstSpan(latencies_.data(), size_), now);
    size_ = 0;
    flushed_at_ = now;
  }

 private:
  static constexpr size_t kSize = 64;
  static constexpr int64_t kMaxAge = 5'000'000;  // Half a shortest interval.

  std::array<int64_t, kSize> latencies_;
  size_t size_ = 0;
  int64_t flushed_at_ = 0;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_STATS_LATENCY_RECORDER_H_
