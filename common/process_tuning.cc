#include "common/process_tuning.h"

#include <malloc.h>

#include "absl/synchronization/mutex.h"

namespace msgproc {
namespace {

constexpr int kTrimThresholdBytes = 32 << 20;
constexpr int kMmapThresholdBytes = 8 << 20;
constexpr int kTopPadBytes = 1 << 20;

}  // namespace

void TuneProcess() {
  mallopt(M_TRIM_THRESHOLD, kTrimThresholdBytes);
  mallopt(M_MMAP_THRESHOLD, kMmapThresholdBytes);
  mallopt(M_TOP_PAD, kTopPadBytes);
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

}  // namespace msgproc
