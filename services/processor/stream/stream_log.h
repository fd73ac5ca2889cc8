#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_LOG_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_LOG_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "grpcpp/support/status.h"
#include "msgproc/v1/processor.pb.h"
#include "services/processor/session/hosted_session.h"
#include "services/processor/stream/stream_peer.h"

namespace msgproc::processor {

// Lines about sessions that open and end. Clients decide how often that is and
// how long their names are: all of it is counted, and listed as long as it is
// no flood. Thread-safe.

// Why a client is sent elsewhere, in a word; empty for UNSPECIFIED. Static.
absl::string_view DrainReasonName(v1::Drain::Reason reason);

// `why_lost`: of Session::Opening. `moved_for`: a DrainReasonName.
void LogSessionOpened(const HostedSession& session, const StreamPeer& peer,
                      absl::string_view state, absl::string_view why_lost,
                      absl::string_view moved_for, uint64_t received_through);

// `session` may be null.
void LogStreamEnded(const HostedSession* session, const StreamPeer& peer,
                    grpc::StatusCode code, absl::string_view why);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_LOG_H_
