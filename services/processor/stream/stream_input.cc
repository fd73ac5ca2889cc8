#include "services/processor/stream/stream_input.h"

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "common/check.h"
#include "services/processor/stream/stream_opening.h"

namespace msgproc::processor {

StreamInput::Outcome StreamInput::Process(
    grpc::ByteBuffer* request, const std::shared_ptr<HostedSession>& session,
    const std::shared_ptr<AttachedStream>& stream) {
  Outcome outcome;
  RequestReader reader;
  outcome.status = reader.Read(
      request, processor_->options().sessions.limits.max_batch_messages);
  if (outcome.status.ok()) {
    outcome.status = TakeFrame(reader.frame(), session, stream, &outcome);
  }
  outcome.messages = reader.frame()->message_count;
  outcome.bytes = reader.bytes();
  // What waits for a claim counts once that is there.
  if (usage_ != nullptr) usage_->Add(outcome.messages, outcome.bytes);
  if (outcome.claim) {
    waiting_ = std::make_unique<Waiting>(
        Waiting{std::move(reader), std::move(first_request_), *outcome.claim,
                outcome.answered});
  }
  return outcome;
}

StreamInput::Outcome StreamInput::OnClaimed(
    const absl::StatusOr<Claimed>& claimed,
    const std::shared_ptr<AttachedStream>& stream) {
  const std::unique_ptr<Waiting> waiting = std::move(waiting_);
  MSGPROC_CHECK(waiting != nullptr);
  Outcome outcome;
  outcome.answered = waiting->answered;
  outcome.messages = waiting->request.frame()->message_count;
  outcome.bytes = waiting->request.bytes();
  outcome.status = claimed.status();
  if (!claimed.ok()) return outcome;
  const SessionTable::Stored stored = {.claim = &waiting->claim,
                                       .claimed = &*claimed};
  outcome.status = OpenSession(waiting->request.frame(), *waiting->first,
                               stream, &stored, &outcome);
  if (usage_ != nullptr) usage_->Add(outcome.messages, outcome.bytes);
  return outcome;
}

absl::Status StreamInput::TakeFrame(
    wire::RequestFrame* frame, const std::shared_ptr<HostedSession>& session,
    const std::shared_ptr<AttachedStream>& stream, Outcome* outcome) {
  if (frame->has_refresh_token) {
    absl::StatusOr<std::string> head =
        principal_->Refresh(frame->refresh_token);
    if (!head.ok()) return head.status();
    outcome->refreshed = outcome->answered = true;
    outcome->head = *std::move(head);
    if (session != nullptr) {
      session->SetPrincipal(stream.get(), principal_->Get());
    }
  }
  // A heartbeat.
  if (frame->messages.empty()) outcome->answered = true;
  if (std::exchange(first_, false)) {
    auto first = ReadFirstRequest(processor_, principal_->Get(), *frame);
    if (!first.ok()) return first.status();
    auto claim =
        PrepareClaim(processor_, *peer_, principal_->Get(), *frame, *first);
    if (!claim.ok()) return claim.status();
    outcome->claim = *std::move(claim);
    if (!outcome->claim) {
      return OpenSession(frame, *first, stream, nullptr, outcome);
    }
    first_request_ = std::make_unique<FirstRequest>(*std::move(first));
    return absl::OkStatus();
  }
  if (frame->has_open) {
    return absl::InvalidArgumentError(
        "Open stands in the first request of a stream only.");
  }
  if (session == nullptr) return absl::AbortedError("The stream has ended.");
  return session->OnFrame(stream.get(), *frame);
}

absl::Status StreamInput::OpenSession(
    wire::RequestFrame* frame, const FirstRequest& first,
    const std::shared_ptr<AttachedStream>& stream,
    const SessionTable::Stored* stored, Outcome* outcome) {
  absl::StatusOr<OpenedStream> opened = OpenStream(
      processor_, *peer_, principal_->Get(), stream, frame, first, stored);
  if (!opened.ok()) return opened.status();
  usage_ = processor_->usage()->For(principal_->Get());
  // The messages before the Welcome, which says how many were accepted; nothing
  // is written before the stream counts as open.
  absl::Status status = opened->session->OnFrame(stream.get(), *frame);
  // It says when credentials expire, too.
  outcome->head = opened->EncodeWelcome();
  outcome->opened = std::move(opened->session);
  return status;
}

}  // namespace msgproc::processor
