#include "tools/loadgen/schedule/backlog.h"

#include <algorithm>

namespace msgproc::loadgen {

void Backlog::RecordWaiting(int64_t end, Histogram* latency) const {
  // Beyond a million, neighbours that waited as good as equally long are
  // counted as one value: a rate of 1e9/s must not take minutes here.
  constexpr uint64_t kMostValues = 1'000'000;
  const uint64_t together = messages / kMostValues + 1;
  Schedule due = oldest;
  for (uint64_t left = messages; left > 0;) {
    const uint64_t times = std::min(together, left);
    latency->Record(end - due.next(), times);
    due.Advance(times);
    left -= times;
  }
}

}  // namespace msgproc::loadgen
