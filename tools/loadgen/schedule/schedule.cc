#include "tools/loadgen/schedule/schedule.h"

#include <algorithm>
#include <cmath>

#include "common/check.h"
#include "common/split_mix.h"

namespace msgproc::loadgen {
namespace {

// A century, which no sum with a clock's time overflows.
constexpr double kLongest = 3e18;

}  // namespace

Schedule::Schedule(int64_t start, double interval, Arrivals arrivals,
                   uint64_t seed)
    : start_(start),
      interval_(std::min(interval, kLongest)),
      arrivals_(arrivals),
      random_(seed),
      next_(start) {
  MSGPROC_CHECK_GT(interval, 0.0);
}

void Schedule::Advance(uint64_t messages) {
  const int64_t before = next_;
  index_ += messages;
  if (arrivals_ == Arrivals::kUniform) {
    // From the index and not by adding up, so that no error adds up either.
    offset_ = static_cast<double>(index_) * interval_;
  } else {
    constexpr double kUnit = 0x1p-53;
    for (uint64_t i = 0; i < messages; ++i) {
      const double uniform =
          (static_cast<double>(SplitMix64(&random_) >> 11) + 1) * kUnit;
      offset_ -= std::log(uniform) * interval_;
    }
  }
  next_ = start_ + static_cast<int64_t>(std::min(offset_, kLongest));
  MSGPROC_CHECK_GE(next_, before);
}

uint64_t Schedule::CountBefore(int64_t end, uint64_t most) const {
  Schedule later = *this;
  uint64_t count = 0;
  if (arrivals_ == Arrivals::kUniform) {
    const double left = static_cast<double>(end - next_) / interval_;
    // Almost all of them at once; the last few are counted below.
    count = std::min(most, static_cast<uint64_t>(std::max(0.0, left - 2)));
    later.Advance(count);
  }
  for (; count < most && later.next() < end; ++count) later.Advance();
  MSGPROC_CHECK_LE(count, most);
  return count;
}

}  // namespace msgproc::loadgen
