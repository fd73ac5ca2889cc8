#ifndef MSGPROC_SERVICES_BASE_LIVE_HISTOGRAM_WINDOW_H_
#define MSGPROC_SERVICES_BASE_LIVE_HISTOGRAM_WINDOW_H_

#include <cstdint>
#include <vector>

#include "services/base/atomic_histogram.h"

namespace msgproc::base {

// What of the observations is at most the returned value: `share` of them, 0 to
// 1, as Prometheus' histogram_quantile estimates it, evenly within a bucket.
// What is above the last bound counts as that. Not-a-number: there are none.
double Quantile(const HistogramSnapshot& observed, double share);

// What a histogram has seen from one look at it to the next. Pure; not
// thread-safe.
class HistogramWindow {
 public:
  // Returns what came since the last call, or since the histogram began.
  // `now` is a snapshot of the same histogram each time.
  HistogramSnapshot Advance(const HistogramSnapshot& now);

 private:
  std::vector<uint64_t> counts_;
  double sum_ = 0;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_LIVE_HISTOGRAM_WINDOW_H_
