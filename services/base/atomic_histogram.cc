#include "services/base/atomic_histogram.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "services/base/sharded_counter.h"

namespace msgproc::base {

AtomicHistogram::AtomicHistogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)),
      lines_per_shard_(bounds_.size() / 8 + 1),
      lines_(std::make_unique<Line[]>(kShards * lines_per_shard_)),
      sums_(std::make_unique<Sum[]>(kShards)) {
  MSGPROC_CHECK(!bounds_.empty());
  MSGPROC_CHECK(std::is_sorted(bounds_.begin(), bounds_.end()));
}

void AtomicHistogram::Observe(double value, uint64_t count) {
  const size_t shard = ShardOfThisThread();
  const auto bucket = static_cast<size_t>(
      std::lower_bound(bounds_.begin(), bounds_.end(), value) -
      bounds_.begin());
  MSGPROC_DCHECK_LE(bucket, bounds_.size());
  Bucket(shard, bucket).fetch_add(count, std::memory_order_relaxed);
  sums_[shard].value.fetch_add(value * static_cast<double>(count),
                               std::memory_order_relaxed);
}

HistogramSnapshot AtomicHistogram::Snapshot() const {
  HistogramSnapshot snapshot;
  snapshot.bounds = bounds_;
  snapshot.counts.resize(bounds_.size() + 1);
  for (size_t shard = 0; shard < kShards; ++shard) {
    for (size_t bucket = 0; bucket <= bounds_.size(); ++bucket) {
      snapshot.counts[bucket] +=
          Bucket(shard, bucket).load(std::memory_order_relaxed);
    }
    snapshot.sum += sums_[shard].value.load(std::memory_order_relaxed);
  }
  return snapshot;
}

std::vector<double> AtomicHistogram::Exponential(double first, double factor,
                                                 int count) {
  MSGPROC_CHECK_GT(first, 0);
  MSGPROC_CHECK_GT(factor, 1);
  MSGPROC_CHECK_GT(count, 0);
  std::vector<double> bounds;
  bounds.reserve(count);
  for (double bound = first; count > 0; --count, bound *= factor) {
    bounds.push_back(bound);
  }
  return bounds;
}

}  // namespace msgproc::base
