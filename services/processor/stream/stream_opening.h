#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_OPENING_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_OPENING_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "msgproc/v1/processor.pb.h"
#include "services/base/identity/principal.h"
#include "services/processor/session/hosted_session.h"
#include "services/processor/session/principal_quota.h"
#include "services/processor/session/session_table.h"
#include "services/processor/store/claim.h"
#include "services/processor/stream/processor_context.h"
#include "services/processor/stream/stream_peer.h"
#include "wire/frame.h"

namespace msgproc::processor {

// A stream that has found its session.
struct OpenedStream {
  std::shared_ptr<HostedSession> session;
  // The Welcome, but for accepted_through; without one the stream is anonymous.
  v1::ProcessResponse response;

  // The encoded Welcome, once the messages of the first request are accepted;
  // empty for an anonymous stream.
  std::string EncodeWelcome();
};

// What a principal may use of the server, by its rules as they are now; null:
// as much as it likes.
std::shared_ptr<PrincipalQuota> QuotaOf(ProcessorContext* processor,
                                        const base::Principal& principal);

// What a stream's first request asks for, read once: what follows may have to
// wait for a claim.
struct FirstRequest {
  absl::optional<v1::Open> open;  // None: the stream is anonymous.
  // The handler that a new session gets, or why it gets none.
  absl::StatusOr<HandlerBinding*> binding;
};
// INVALID_ARGUMENT: the Open is malformed, or has too much along.
absl::StatusOr<FirstRequest> ReadFirstRequest(ProcessorContext* processor,
                                              const base::Principal& principal,
                                              const wire::RequestFrame& frame);

// The claim that is to be made of the session that the first request asks for,
// before OpenStream; nullopt: none. Errors as of that.
absl::StatusOr<absl::optional<Claim>> PrepareClaim(
    ProcessorContext* processor, const StreamPeer& peer,
    const base::Principal& principal, const wire::RequestFrame& frame,
    const FirstRequest& first);

// Attaches `stream`, which is `principal`'s, to the session that `first`, its
// first request, asks for: rules 1, 2, 5 and 9 of processor.proto. Where the
// request is one that was read before (its Welcome was lost), its messages are
// taken out of `frame`: they are accepted already. `stored`: the claim that was
// made, and what came of it. INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED,
// ABORTED, FAILED_PRECONDITION, DATA_LOSS as of rule 8.
absl::StatusOr<OpenedStream> OpenStream(
    ProcessorContext* processor, const StreamPeer& peer,
    const base::Principal& principal,
    const std::shared_ptr<AttachedStream>& stream, wire::RequestFrame* frame,
    const FirstRequest& first, const SessionTable::Stored* stored = nullptr);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_OPENING_H_
