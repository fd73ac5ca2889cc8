#ifndef MSGPROC_SERVICES_BASE_LIVE_LATENCY_METER_H_
#define MSGPROC_SERVICES_BASE_LIVE_LATENCY_METER_H_

#include <functional>
#include <limits>

#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "services/base/atomic_histogram.h"
#include "services/base/live/histogram_window.h"

namespace msgproc::base {

// Quantiles of what a histogram has seen over the last second or so, however
// often and by whomever it is asked. Thread-safe.
class LatencyMeter {
 public:
  // In the histogram's unit. Not-a-number: there was nothing.
  struct Latency {
    double p50 = std::numeric_limits<double>::quiet_NaN();
    double p99 = std::numeric_limits<double>::quiet_NaN();
  };

  using ReadHistogram = std::function<HistogramSnapshot()>;

  // `read` looks at the same histogram each time. The clock outlives it.
  LatencyMeter(ReadHistogram read, const Clock* clock);

  Latency Read();

 private:
  const ReadHistogram read_;
  const Clock* const clock_;

  Mutex mutex_;
  HistogramWindow window_ MSGPROC_GUARDED_BY(mutex_);
  absl::Time measured_at_ MSGPROC_GUARDED_BY(mutex_);
  Latency latency_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_LIVE_LATENCY_METER_H_
