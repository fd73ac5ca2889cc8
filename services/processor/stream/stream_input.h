#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_INPUT_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_INPUT_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "grpcpp/support/byte_buffer.h"
#include "services/processor/session/hosted_session.h"
#include "services/processor/session/principal_usage.h"
#include "services/processor/session/session_table.h"
#include "services/processor/store/claim.h"
#include "services/processor/stream/processor_context.h"
#include "services/processor/stream/request_reader.h"
#include "services/processor/stream/stream_opening.h"
#include "services/processor/stream/stream_peer.h"
#include "services/processor/stream/stream_principal.h"
#include "wire/frame.h"

namespace msgproc::processor {

// Takes the requests of one stream, in order: reads them, and gives what is in
// them to whom it is for. Not thread-safe: one request at a time.
class StreamInput {
 public:
  // All of them outlive it.
  StreamInput(ProcessorContext* processor, const StreamPeer* peer,
              StreamPrincipal* principal)
      : processor_(processor), peer_(peer), principal_(principal) {}

  // What came of a request.
  struct Outcome {
    // The session is to be claimed first: call OnClaimed with what comes of it.
    // The request waits here until then, and nothing else is said of it.
    absl::optional<Claim> claim;
    // Of what it broke. ABORTED: another stream has the session.
    absl::Status status;
    size_t messages = 0;
    size_t bytes = 0;
    // The session that it has opened.
    std::shared_ptr<HostedSession> opened;
    // It is to be answered even if there is no result, with `head` in front.
    bool answered = false;
    // Encoded.
    std::string head;
    // It has shown fresh credentials.
    bool refreshed = false;
  };

  // `session`: of `stream`, which the request came on; null before the first
  // one, and once the stream has ended.
  Outcome Process(grpc::ByteBuffer* request,
                  const std::shared_ptr<HostedSession>& session,
                  const std::shared_ptr<AttachedStream>& stream);
  // The claim that the last request asked for was made, or could not be: goes
  // on with the request.
  Outcome OnClaimed(const absl::StatusOr<Claimed>& claimed,
                    const std::shared_ptr<AttachedStream>& stream);

 private:
  // A first request whose session is being claimed.
  struct Waiting {
    RequestReader request;
    std::unique_ptr<FirstRequest> first;
    Claim claim;
    bool answered = false;
  };

  absl::Status TakeFrame(wire::RequestFrame* frame,
                         const std::shared_ptr<HostedSession>& session,
                         const std::shared_ptr<AttachedStream>& stream,
                         Outcome* outcome);
  absl::Status OpenSession(wire::RequestFrame* frame, const FirstRequest& first,
                           const std::shared_ptr<AttachedStream>& stream,
                           const SessionTable::Stored* stored,
                           Outcome* outcome);

  ProcessorContext* const processor_;
  const StreamPeer* const peer_;
  StreamPrincipal* const principal_;
  // Of the principal, once it has opened something; null: it is anonymous.
  std::shared_ptr<PrincipalUsage::Count> usage_;
  bool first_ = true;
  // On its way to `waiting_`.
  std::unique_ptr<FirstRequest> first_request_;
  std::unique_ptr<Waiting> waiting_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_INPUT_H_
