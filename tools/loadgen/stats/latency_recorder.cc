#include "tools/loadgen/stats/latency_recorder.h"

namespace msgproc::loadgen {

void LatencyRecorder::Record(absl::Span<const int64_t> latencies, int64_t now) {
  MutexLock lock(&mutex_);
  Roll(now);
  for (const int64_t latency : latencies) current_.Record(latency);
}

Histogram LatencyRecorder::Total() const {
  MutexLock lock(&mutex_);
  Histogram total = total_;
  total.Merge(current_);
  return total;
}

uint64_t LatencyRecorder::count() const {
  MutexLock lock(&mutex_);
  return total_.count() + current_.count();
}

std::vector<TimeSeries::Row> LatencyRecorder::Series(int64_t now) const {
  MutexLock lock(&mutex_);
  return series_.Rows(current_, now - start_);
}

// Closes the intervals that ended before `now`.
void LatencyRecorder::Roll(int64_t now) {
  while (now - start_ >= series_.next_end()) {
    series_.Append(current_);
    total_.Merge(current_);
    current_.Clear();
  }
}

}  // namespace msgproc::loadgen
