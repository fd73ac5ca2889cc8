#include "tools/loadgen/stats/time_series.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "common/check.h"

namespace msgproc::loadgen {

void TimeSeries::Append(const Histogram& latencies) {
  MSGPROC_CHECK_LT(intervals_.size(), kMaxIntervals);
  intervals_.push_back(Compress(latencies));
  if (intervals_.size() < kMaxIntervals) return;
  for (size_t i = 0; i < kMaxIntervals / 2; ++i) {
    intervals_[i] = Merge(intervals_[2 * i], intervals_[2 * i + 1]);
  }
  intervals_.resize(kMaxIntervals / 2);
  width_ *= 2;
}

std::vector<TimeSeries::Row> TimeSeries::Rows(const Histogram& last,
                                              int64_t end) const {
  std::vector<Row> rows;
  rows.reserve(intervals_.size() + 1);
  for (size_t i = 0; i < intervals_.size(); ++i) {
    const int64_t start = static_cast<int64_t>(i) * width_;
    rows.push_back(MakeRow(intervals_[i], start, start + width_));
  }
  const int64_t start = next_end() - width_;
  if (last.count() != 0) {
    rows.push_back(MakeRow(Compress(last), start, std::max(end, start + 1)));
  }
  return rows;
}

TimeSeries::Interval TimeSeries::Compress(const Histogram& latencies) {
  Interval interval;
  interval.count = latencies.count();
  interval.max = latencies.max();
  if (interval.count == 0) return interval;
  for (int i = latencies.FirstBucket(); i <= latencies.LastBucket(); ++i) {
    const uint64_t count = latencies.InBucket(i);
    if (count == 0) continue;
    const auto bucket = static_cast<uint32_t>(i / kCoarser);
    if (interval.buckets.empty() || interval.buckets.back().first != bucket) {
      interval.buckets.emplace_back(bucket, 0);
    }
    interval.buckets.back().second += count;
  }
  return interval;
}

TimeSeries::Interval TimeSeries::Merge(const Interval& a, const Interval& b) {
  Interval merged;
  merged.count = a.count + b.count;
  merged.max = std::max(a.max, b.max);
  merged.buckets.reserve(a.buckets.size() + b.buckets.size());
  auto left = a.buckets.begin();
  auto right = b.buckets.begin();
  while (left != a.buckets.end() || right != b.buckets.end()) {
    if (right == b.buckets.end() ||
        (left != a.buckets.end() && left->first < right->first)) {
      merged.buckets.push_back(*left++);
    } else if (left == a.buckets.end() || right->first < left->first) {
      merged.buckets.push_back(*right++);
    } else {
      merged.buckets.emplace_back(left->first, left->second + right->second);
      ++left;
      ++right;
    }
  }
  return merged;
}

int64_t TimeSeries::ValueAt(const Interval& interval, double quantile) {
  const auto rank = static_cast<uint64_t>(
      std::ceil(quantile * static_cast<double>(interval.count) - 1e-9));
  MSGPROC_CHECK_LE(rank, interval.count);
  uint64_t seen = 0;
  for (const auto& [bucket, count] : interval.buckets) {
    seen += count;
    if (seen >= rank) {
      const int last = static_cast<int>(bucket + 1) * kCoarser - 1;
      return std::min(Histogram::HighestIn(last), interval.max);
    }
  }
  return interval.max;
}

TimeSeries::Row TimeSeries::MakeRow(const Interval& interval, int64_t start,
                                    int64_t end) const {
  MSGPROC_CHECK_LT(start, end);
  return Row{start,
             end - start,
             interval.count,
             ValueAt(interval, 0.5),
             ValueAt(interval, 0.9),
             ValueAt(interval, 0.99),
             ValueAt(interval, 0.999),
             interval.max};
}

}  // namespace msgproc::loadgen
