#include "tools/loadgen/schedule.h"

#include <cmath>

#include "tools/loadgen/random.h"

namespace msgproc::loadgen {

Schedule::Schedule(int64_t start, double interval, Arrivals arrivals,
                   uint64_t seed)
    : start_(start),
      interval_(interval),
      arrivals_(arrivals),
      random_(seed),
      next_(start) {}

void Schedule::Advance() {
  ++index_;
  if (arrivals_ == Arrivals::kUniform) {
    // From the index and not by adding up, so that no error adds up either.
    offset_ = static_cast<double>(index_) * interval_;
  } else {
    constexpr double kUnit = 0x1p-53;
    const double uniform =
        (static_cast<double>(NextRandom(&random_) >> 11) + 1) * kUnit;
    offset_ -= std::log(uniform) * interval_;
  }
  next_ = start_ + static_cast<int64_t>(offset_);
}

}  // namespace msgproc::loadgen
