#include "tools/loadgen/stats/histogram.h"

#include <cmath>

#include "common/check.h"

namespace msgproc::loadgen {

Histogram::Histogram() : counts_(kBuckets) {}

void Histogram::AddToBucket(int bucket, uint64_t times) {
  MSGPROC_CHECK_GE(bucket, 0);
  MSGPROC_CHECK_LT(bucket, kBuckets);
  if (times == 0) return;
  counts_[bucket] += times;
  count_ += times;
  min_ = std::min(min_, LowestIn(bucket));
  max_ = std::max(max_, std::min(HighestIn(bucket), kMaxValue));
}

void Histogram::Merge(const Histogram& other) {
  if (other.count_ == 0) return;
  for (int i = other.FirstBucket(); i <= other.LastBucket(); ++i) {
    counts_[i] += other.counts_[i];
  }
  count_ += other.count_;
  clamped_ += other.clamped_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

void Histogram::Clear() {
  std::fill(counts_.begin() + FirstBucket(), counts_.begin() + LastBucket() + 1,
            0);
  count_ = 0;
  clamped_ = 0;
  min_ = kMaxValue;
  max_ = 0;
}

double Histogram::Mean() const {
  if (count_ == 0) return 0;
  double sum = 0;
  for (int i = FirstBucket(); i <= LastBucket(); ++i) {
    if (counts_[i] == 0) continue;
    const double middle =
        (static_cast<double>(LowestIn(i)) + static_cast<double>(HighestIn(i))) /
        2;
    sum += middle * static_cast<double>(counts_[i]);
  }
  MSGPROC_CHECK_LE(min_, max_);
  const double mean = sum / static_cast<double>(count_);
  return std::clamp(mean, static_cast<double>(min_), static_cast<double>(max_));
}

int64_t Histogram::ValueAt(double quantile) const {
  if (count_ == 0) return 0;
  MSGPROC_CHECK_LE(min_, max_);
  const double share = std::clamp(quantile, 0.0, 1.0);
  if (share == 1.0) return max_;
  const auto rank = std::max<uint64_t>(
      1, static_cast<uint64_t>(
             std::ceil(share * static_cast<double>(count_) - 1e-9)));
  uint64_t seen = 0;
  for (int i = FirstBucket(); i <= LastBucket(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::clamp(HighestIn(i), min_, max_);
  }
  return max_;
}

uint64_t Histogram::CountAtMost(int64_t value) const {
  if (value < 0) return 0;
  const int last = BucketOf(std::min(value, kMaxValue));
  MSGPROC_CHECK_LT(last, kBuckets);
  uint64_t seen = 0;
  for (int i = 0; i <= last; ++i) seen += counts_[i];
  return seen;
}

}  // namespace msgproc::loadgen
