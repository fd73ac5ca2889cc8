#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_REFUSAL_LOG_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_REFUSAL_LOG_H_

#include <array>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/optional.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "services/base/identity/principal.h"
#include "services/base/log_throttle.h"
#include "services/processor/session/processor_counters.h"
#include "services/processor/stream/principal_throttle.h"
#include "services/processor/stream/stream_peer.h"

namespace msgproc::processor {

// Says what clients were refused, and who they are, so that a flood of one is
// no flood of lines and hides no other: who may not be here or do that, one
// line a minute and principal; what breaks another rule, one a second and rule.
// Whoever has not proven who it is goes by its address. Thread-safe.
class RefusalLog {
 public:
  // `clock` outlives it.
  explicit RefusalLog(const Clock* clock) : clock_(clock) {}

  // `status` names the rule and the value.
  void Log(const absl::Status& status, const base::Principal& principal,
           const StreamPeer& peer);

 private:
  // How many lines like it were not logged; nullopt: nor is this one.
  absl::optional<uint64_t> Admit(Rejection rule,
                                 const base::Principal& principal,
                                 const StreamPeer& peer);

  const Clock* const clock_;
  std::array<base::LogThrottle, kRejections> rules_;
  Mutex mutex_;
  PrincipalThrottle principals_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_REFUSAL_LOG_H_
