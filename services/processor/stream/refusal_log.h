#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_REFUSAL_LOG_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_REFUSAL_LOG_H_

#include <array>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/base/log_throttle.h"
#include "services/processor/session/processor_counters.h"

namespace msgproc::processor {

// Says what clients were refused, and who they are: one line a second and rule,
// so that a flood of one is no flood of lines and hides no other. Thread-safe.
class RefusalLog {
 public:
  // `status` names the rule and the value, `forwarded_for` is what a proxy said
  // of the client behind `peer`.
  void Log(const absl::Status& status, absl::string_view peer,
           absl::string_view forwarded_for);

 private:
  std::array<base::LogThrottle, kRejections> throttles_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_REFUSAL_LOG_H_
