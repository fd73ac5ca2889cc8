#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_AGES_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_AGES_H_

#include <cstdint>
#include <random>

#include "absl/time/time.h"

namespace msgproc::processor {

// Draws how old each stream may become: `max_age`, a tenth more or less, so
// that streams that were opened together, as after a restart, do not leave
// together.
//
// Pure; not thread-safe.
class StreamAges {
 public:
  // `max_age` zero: any age.
  StreamAges(absl::Duration max_age, uint64_t seed)
      : max_age_(max_age), random_(seed) {}

  // The next stream's.
  absl::Duration Next() {
    if (max_age_ == absl::ZeroDuration()) return absl::InfiniteDuration();
    return max_age_ * std::uniform_real_distribution<>(0.9, 1.1)(random_);
  }

 private:
  const absl::Duration max_age_;
  std::mt19937_64 random_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_AGES_H_
