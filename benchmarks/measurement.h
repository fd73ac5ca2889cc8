#ifndef MSGPROC_BENCHMARKS_MEASUREMENT_H_
#define MSGPROC_BENCHMARKS_MEASUREMENT_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace msgproc::benchmarks {

// What one run measured.
struct Measurement {
  uint64_t messages = 0;
  double seconds = 0;
  // Round trips; empty where they were not asked for.
  std::vector<int64_t> latency_ns;

  double MessagesPerSecond() const {
    return static_cast<double>(messages) / seconds;
  }
  // 0 to 1. 0 where nothing was measured.
  double LatencyMicroseconds(double quantile) {
    if (latency_ns.empty()) return 0;
    const auto at = static_cast<std::ptrdiff_t>(
        quantile * static_cast<double>(latency_ns.size() - 1));
    std::nth_element(latency_ns.begin(), latency_ns.begin() + at,
                     latency_ns.end());
    return static_cast<double>(latency_ns[static_cast<size_t>(at)]) / 1000;
  }
};

}  // namespace msgproc::benchmarks

#endif  // MSGPROC_BENCHMARKS_MEASUREMENT_H_
