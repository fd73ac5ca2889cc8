#ifndef MSGPROC_TOOLS_LOADGEN_STATS_HISTOGRAM_H_
#define MSGPROC_TOOLS_LOADGEN_STATS_HISTOGRAM_H_

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace msgproc::loadgen {

// Counts values in buckets that widen with the value, so that every value from
// 1 to 3.6e12 keeps three significant digits: as nanoseconds, 1 ns to 1 h, and
// a latency of 20 us is known to 20 ns. A bucket is never wider than 1/1024 of
// its values. After Gil Tene's HdrHistogram (http://hdrhistogram.org).
//
// About 270 KB whatever is recorded. Copyable. Not thread-safe; threads record
// into their own and merge (see LatencyRecorder).
class Histogram {
 public:
  // The largest value that keeps its digits. Larger ones count as this one.
  static constexpr int64_t kMaxValue = int64_t{3600} * 1000 * 1000 * 1000;

  // Bucket arithmetic. `value` is within 0 and kMaxValue, `bucket` within 0 and
  // kBuckets - 1.
  static constexpr int BucketOf(int64_t value);
  static constexpr int64_t LowestIn(int bucket);
  static constexpr int64_t HighestIn(int bucket);
  static const int kBuckets;

  Histogram();

  // Counts `value`, `times` times. One beyond 0 and kMaxValue is counted at the
  // nearer end, and as clamped.
  void Record(int64_t value, uint64_t times = 1);

  // Adds `times` values of one bucket; min and max become the bucket's ends.
  void AddToBucket(int bucket, uint64_t times);

  // Adds what `other` holds.
  void Merge(const Histogram& other);

  // Forgets everything.
  void Clear();

  uint64_t count() const { return count_; }
  uint64_t clamped() const { return clamped_; }
  uint64_t InBucket(int bucket) const { return counts_[bucket]; }

  // All 0 when nothing was recorded. Min and max are exact (unless they came by
  // AddToBucket), the mean is within 1/2048.
  int64_t min() const { return count_ == 0 ? 0 : min_; }
  int64_t max() const { return count_ == 0 ? 0 : max_; }
  double Mean() const;

  // The value that a share `quantile` (0 to 1) of the values does not exceed:
  // at most 1/1024 above the exact one, never beyond max().
  int64_t ValueAt(double quantile) const;

  // How many values are at most `value`, as far as buckets can tell: the whole
  // bucket of `value` counts.
  uint64_t CountAtMost(int64_t value) const;

  // The buckets that may hold something: from first to last, both included.
  int FirstBucket() const { return BucketOf(min()); }
  int LastBucket() const { return BucketOf(max()); }

 private:
  static constexpr int kUnitBits = 11;  // 2^11 > 2 * 10^3: three digits.
  static constexpr int kHalf = 1 << (kUnitBits - 1);

  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  uint64_t clamped_ = 0;
  int64_t min_ = kMaxValue;
  int64_t max_ = 0;
};

constexpr int Histogram::BucketOf(int64_t value) {
  const auto unsigned_value = static_cast<uint64_t>(value);
  const int width = static_cast<int>(std::bit_width(unsigned_value));
  const int shift = std::max(0, width - kUnitBits);
  return shift * kHalf + static_cast<int>(unsigned_value >> shift);
}

constexpr int64_t Histogram::LowestIn(int bucket) {
  if (bucket < 2 * kHalf) return bucket;
  const int shift = bucket / kHalf - 1;
  return static_cast<int64_t>(bucket - shift * kHalf) << shift;
}

constexpr int64_t Histogram::HighestIn(int bucket) {
  return LowestIn(bucket + 1) - 1;
}

inline constexpr int Histogram::kBuckets = Histogram::BucketOf(kMaxValue) + 1;

inline void Histogram::Record(int64_t value, uint64_t times) {
  if (value < 0 || value > kMaxValue) [[unlikely]] {
    value = value < 0 ? 0 : kMaxValue;
    clamped_ += times;
  }
  counts_[BucketOf(value)] += times;
  count_ += times;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
}

}  // namespace msgproc::loadgen

#endif  // MSGPROC_TOOLS_LOADGEN_STATS_HISTOGRAM_H_
