#include "services/base/trim_policy.h"

#include <algorithm>

#include "common/check.h"

namespace msgproc::base {

bool TrimPolicy::ShouldTrim(absl::Time now, size_t spare_bytes) {
  floor_bytes_ = std::min(floor_bytes_.value_or(spare_bytes), spare_bytes);
  // Or the difference would wrap around.
  MSGPROC_CHECK_LE(*floor_bytes_, spare_bytes);
  if (spare_bytes - *floor_bytes_ < kLeastBytes) {
    spare_since_.reset();
    return false;
  }
  if (!spare_since_.has_value()) spare_since_ = now;
  return now - *spare_since_ >= kSpareFor && now - trimmed_at_ >= pause_;
}

void TrimPolicy::OnTrimmed(absl::Time now, size_t spare_bytes) {
  const bool came_back = now - trimmed_at_ < pause_ * 2;
  pause_ = came_back ? std::min(pause_ * 2, kMostPause) : kLeastPause;
  MSGPROC_CHECK_GE(pause_, kLeastPause);
  MSGPROC_CHECK_LE(pause_, kMostPause);
  trimmed_at_ = now;
  floor_bytes_ = spare_bytes;
  spare_since_.reset();
}

}  // namespace msgproc::base
