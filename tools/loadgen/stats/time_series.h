#ifndef MSGPROC_TOOLS_LOADGEN_STATS_TIME_SERIES_H_
#define MSGPROC_TOOLS_LOADGEN_STATS_TIME_SERIES_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "tools/loadgen/stats/histogram.h"

namespace msgproc::loadgen {

// Throughput and latency over the length of a run of any length in bounded
// memory: at most kMaxIntervals intervals of equal length; when they are full,
// neighbours are merged and the length doubles. Its percentiles keep two
// digits. Times are nanoseconds since the beginning. Not thread-safe.
class TimeSeries {
 public:
  static constexpr size_t kMaxIntervals = 256;
  static constexpr int64_t kShortestWidth = 1'000'000;  // 1 ms.

  struct Row {
    int64_t start;
    int64_t width;
    uint64_t count;
    int64_t p50, p90, p99, p999, max;  // Nanoseconds.
  };

  // The length of an interval now.
  int64_t width() const { return width_; }

  // Where the interval that Append will add ends.
  int64_t next_end() const {
    return static_cast<int64_t>(intervals_.size() + 1) * width_;
  }

  // The latencies of the next interval.
  void Append(const Histogram& latencies);

  // Every interval, the last with `last` in it, which is not appended yet and
  // may be shorter: it ends at `end`.
  std::vector<Row> Rows(const Histogram& last, int64_t end) const;

 private:
  // Eight buckets of the histogram make one here.
  static constexpr int kCoarser = 8;

  struct Interval {
    uint64_t count = 0;
    int64_t max = 0;
    std::vector<std::pair<uint32_t, uint64_t>> buckets;  // Ascending.
  };

  static Interval Compress(const Histogram& latencies);
  static Interval Merge(const Interval& a, const Interval& b);
  static int64_t ValueAt(const Interval& interval, double quantile);
  Row MakeRow(const Interval& interval, int64_t start, int64_t end) const;

  int64_t width_ = kShortestWidth;
  std::vector<Interval> intervals_;
};

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_STATS_TIME_SERIES_H_
