#include "services/base/live/latency_meter.h"

#include <utility>

namespace msgproc::base {
namespace {

constexpr absl::Duration kWindow = absl::Seconds(1);

}  // namespace

LatencyMeter::LatencyMeter(ReadHistogram read, const Clock* clock)
    : read_(std::move(read)), clock_(clock), measured_at_(clock->Now()) {
  MutexLock lock(&mutex_);
  window_.Advance(read_());
}

LatencyMeter::Latency LatencyMeter::Read() {
  MutexLock lock(&mutex_);
  const absl::Time now = clock_->Now();
  if (now - measured_at_ < kWindow) return latency_;
  measured_at_ = now;
  const HistogramSnapshot seen = window_.Advance(read_());
  latency_ = {.p50 = Quantile(seen, 0.5), .p99 = Quantile(seen, 0.99)};
  return latency_;
}

}  // namespace msgproc::base
