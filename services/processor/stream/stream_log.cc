#include "services/processor/stream/stream_log.h"

#include "absl/time/time.h"
#include "common/clock.h"
#include "services/base/log.h"
#include "services/base/log_throttle.h"

namespace msgproc::processor {
namespace {

base::LogThrottle SessionLines() {
  constexpr int kBurst = 100;
  return base::LogThrottle(absl::Milliseconds(100), Clock::Monotonic(), kBurst);
}

}  // namespace

absl::string_view DrainReasonName(v1::Drain::Reason reason) {
  switch (reason) {
    case v1::Drain::REASON_UNSPECIFIED:
      return "";
    case v1::Drain::REASON_SHUTDOWN:
      return "drain";
    case v1::Drain::REASON_REBALANCE:
      return "rebalance";
    case v1::Drain::REASON_AGE:
      return "age";
    default:
      return "unknown";  // A client's own, from a later version.
  }
}

void LogSessionOpened(const HostedSession& session, const StreamPeer& peer,
                      absl::string_view state, absl::string_view why_lost,
                      absl::string_view moved_for, uint64_t received_through) {
  static base::LogThrottle throttle = SessionLines();
  const auto suppressed = throttle.Admit();
  if (!suppressed) return;
  base::LogInfo("session opened",
                {{"session", session.identity().id},
                 {"trace_id", peer.trace_id},
                 {"client", session.identity().client_name},
                 {"principal", session.identity().principal.name},
                 {"peer", peer.address},
                 {"forwarded_for", peer.forwarded_for},
                 {"handler", session.binding().name},
                 {"state", state},
                 {"why_lost", why_lost},
                 {"moved_for", moved_for},
                 {"received_through", received_through},
                 {"suppressed", *suppressed}});
}

void LogStreamEnded(const HostedSession* session, const StreamPeer& peer,
                    grpc::StatusCode code, absl::string_view why) {
  if (session == nullptr || session->anonymous()) {
    base::LogDebug("stream ended", {{"trace_id", peer.trace_id},
                                    {"peer", peer.address},
                                    {"code", static_cast<int>(code)},
                                    {"why", why}});
    return;
  }
  static base::LogThrottle throttle = SessionLines();
  const auto suppressed = throttle.Admit();
  if (!suppressed) return;
  base::LogInfo("session's stream ended",
                {{"session", session->identity().id},
                 {"trace_id", peer.trace_id},
                 {"client", session->identity().client_name},
                 {"peer", peer.address},
                 {"accepted_through", session->accepted_through()},
                 {"code", static_cast<int>(code)},
                 {"why", why},
                 {"suppressed", *suppressed}});
}

}  // namespace msgproc::processor
