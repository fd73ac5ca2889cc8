#ifndef MSGPROC_BENCHMARKS_MEASUREMENT_H_
#define MSGPROC_BENCHMARKS_MEASUREMENT_H_

#include <algorithm>
#include <cstddef>
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
  double LatencyMicroseconds(double quantile) const {
    if (latency_ns.empty()) return 0;
    std::vector<int64_t> sorted = latency_ns;
    const auto at = static_cast<std::ptrdiff_t>(
        quantile * static_cast<double>(sorted.size() - 1));
    std::nth_element(sorted.begin(), sorted.begin() + at, sorted.end());
    return static_cast<double>(sorted[static_cast<size_t>(at)]) / 1000;
  }
};

// Of an even number the larger one in the middle; there must be one.
inline double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace msgproc::benchmarks

#endif  // MSGPROC_BENCHMARKS_MEASUREMENT_H_
