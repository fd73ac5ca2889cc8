#ifndef MSGPROC_COMMON_GRPC_DEADLINE_H_
#define MSGPROC_COMMON_GRPC_DEADLINE_H_

#include <grpc/support/time.h>

#include "absl/time/time.h"

namespace msgproc {

// `timeout` from now, as ClientContext::set_deadline, Server::Shutdown and
// CompletionQueue::AsyncNext take it. By the monotonic clock, which gRPC goes
// by inside: a deadline of the wall clock's that is set just before somebody
// sets that clock is over at once, or hours late.
inline gpr_timespec DeadlineAfter(absl::Duration timeout) {
  return gpr_time_add(
      gpr_now(GPR_CLOCK_MONOTONIC),
      gpr_time_from_nanos(absl::ToInt64Nanoseconds(timeout), GPR_TIMESPAN));
}

}  // namespace msgproc

#endif  // MSGPROC_COMMON_GRPC_DEADLINE_H_
