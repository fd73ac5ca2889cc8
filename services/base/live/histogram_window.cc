#include "services/base/live/histogram_window.h"

#include <cstddef>
#include <limits>
#include <numeric>

#include "common/check.h"

namespace msgproc::base {

double Quantile(const HistogramSnapshot& observed, double share) {
  MSGPROC_CHECK_GE(share, 0);
  MSGPROC_CHECK_LE(share, 1);
  MSGPROC_CHECK_EQ(observed.counts.size(), observed.bounds.size() + 1);
  const uint64_t total = std::accumulate(observed.counts.begin(),
                                         observed.counts.end(), uint64_t{0});
  if (total == 0) return std::numeric_limits<double>::quiet_NaN();
  const double rank = share * static_cast<double>(total);
  double before = 0;
  for (size_t i = 0; i < observed.bounds.size(); ++i) {
    const auto here = static_cast<double>(observed.counts[i]);
    if (here > 0 && before + here >= rank) {
      const double from = i == 0 ? 0 : observed.bounds[i - 1];
      return from + (observed.bounds[i] - from) * (rank - before) / here;
    }
    before += here;
  }
  return observed.bounds.back();
}

HistogramSnapshot HistogramWindow::Advance(const HistogramSnapshot& now) {
  HistogramSnapshot window = now;
  counts_.resize(now.counts.size());
  for (size_t i = 0; i < counts_.size(); ++i) {
    MSGPROC_CHECK_GE(now.counts[i], counts_[i]);
    window.counts[i] -= counts_[i];
  }
  window.sum -= sum_;
  counts_ = now.counts;
  sum_ = now.sum;
  return window;
}

}  // namespace msgproc::base
