#include "services/processor/stream/stream_opening.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "services/processor/session/refusal.h"
#include "services/processor/store/session_committer.h"
#include "services/processor/stream/stream_log.h"
#include "services/processor/stream/token_expiry.h"
#include "wire/proto_duration.h"

namespace msgproc::processor {
namespace {

v1::Welcome::State ToProto(Session::State state) {
  switch (state) {
    case Session::State::kNew:
      return v1::Welcome::STATE_NEW;
    case Session::State::kResumed:
      return v1::Welcome::STATE_RESUMED;
    case Session::State::kLost:
      return v1::Welcome::STATE_LOST;
  }
  return v1::Welcome::STATE_UNSPECIFIED;
}

void FillWelcome(const SessionTable::Opened& opened,
                 const ProcessorContext::Options& options,
                 v1::Welcome* welcome) {
  const SessionLimits& limits = options.sessions.limits;
  welcome->set_server_id(options.server_id);
  welcome->set_session_id(opened.session->identity().id);
  welcome->set_session_token(opened.session->identity().token);
  welcome->set_state(ToProto(opened.attached.opening.state));
  welcome->set_max_batch_messages(
      static_cast<uint32_t>(limits.max_batch_messages));
  welcome->set_max_payload_bytes(limits.max_payload_bytes);
  welcome->set_max_outstanding_messages(
      static_cast<uint32_t>(limits.max_outstanding_messages));
  welcome->set_max_outstanding_bytes(limits.max_outstanding_bytes);
  welcome->set_durability(v1::Welcome::DURABILITY_PROCESS);
  if (opened.session->stored()) {
    welcome->set_durability(v1::Welcome::DURABILITY_STORE);
    welcome->set_store_generation(options.sessions.committer->generation());
  }
  *welcome->mutable_heartbeat_interval() =
      wire::ToProto(options.heartbeat_interval);
}

// What handlers are told, but for the session.
SessionContext ContextOf(const StreamPeer& peer,
                         const base::Principal& principal) {
  SessionContext context;
  context.principal = principal;
  context.peer = peer.address;
  context.forwarded_for = peer.forwarded_for;
  context.trace_id = peer.trace_id;
  return context;
}

// The handler that a new session gets, if `principal` may use it.
absl::StatusOr<HandlerBinding*> FindHandler(const ProcessorContext& processor,
                                            const base::Principal& principal,
                                            absl::string_view name) {
  absl::StatusOr<HandlerBinding*> binding = processor.FindHandler(name);
  if (!binding.ok()) return binding;
  absl::Status may = processor.access().MayUse(principal, (*binding)->name);
  if (!may.ok()) return may;
  return binding;
}

// FAILED_PRECONDITION: the handler keeps its effects with its results, and the
// session is kept nowhere.
absl::Status CheckDurable(ProcessorContext* processor,
                          const HandlerBinding& binding) {
  if (!binding.traits.transactional && !binding.traits.workers_commit) {
    return absl::OkStatus();
  }
  return Marked(
      Refusal::kNoStore,
      absl::FailedPreconditionError(absl::StrCat(
          "The handler '", binding.name,
          "' commits what it does together with its results, in a session "
          "store: ",
          processor->committer() == nullptr
              ? "this server has none (--session_store)."
              : "open a session with a session_id and a session_token of your "
                "own.")));
}

// What an Open asks for. Views into `open`.
OpenRequest RequestOf(const StreamPeer& peer, const base::Principal& principal,
                      const v1::Open& open, const wire::RequestFrame& frame) {
  return {
      .session_id = open.session_id(),
      .session_token = open.session_token(),
      .client_name = open.client_name(),
      .received_through = frame.received_through,
      .has_messages = !frame.messages.empty(),
      .generation = {.instance = open.instance(), .attempt = open.attempt()},
      .moved = open.moved_for() != v1::Drain::REASON_UNSPECIFIED,
      .context = ContextOf(peer, principal),
      .resumes = open.resumes(),
      .store_generation = open.store_generation()};
}

absl::StatusOr<OpenedStream> OpenAnonymous(
    ProcessorContext* processor, const StreamPeer& peer,
    const base::Principal& principal,
    const std::shared_ptr<AttachedStream>& stream,
    const absl::StatusOr<HandlerBinding*>& binding) {
  if (!binding.ok()) return binding.status();
  if (absl::Status durable = CheckDurable(processor, **binding);
      !durable.ok()) {
    return durable;
  }
  if (absl::Status room = processor->sessions()->MakeRoom(); !room.ok()) {
    return room;
  }
  OpenedStream opened;
  opened.session = std::make_shared<HostedSession>(
      HostedSession::Identity(), *binding, processor->options().sessions.limits,
      processor->counters(), processor->clock(),
      processor->sessions()->memory());
  absl::Status may = opened.session->TakeQuota(QuotaOf(processor, principal));
  if (!may.ok()) return may;
  opened.session->Attach(
      stream, 0,
      std::make_shared<const SessionContext>(ContextOf(peer, principal)));
  processor->sessions()->anonymous()->Add(opened.session);
  return opened;
}

absl::Status CheckMessagesAlong(const wire::RequestFrame& frame) {
  size_t bytes = 0;
  for (const wire::MessageView& message : frame.messages) {
    bytes += message.window_bytes();
  }
  if (frame.messages.size() <= wire::kMaxMessagesWithOpen &&
      bytes <= wire::kMaxBytesWithOpen) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "The Open carries ", frame.messages.size(), " messages of ", bytes,
      " bytes along; at most ", wire::kMaxMessagesWithOpen, " messages and ",
      wire::kMaxBytesWithOpen, " bytes are allowed."));
}

// The first request again, because its Welcome never came. When it overtook
// itself nothing was accepted yet, and all is as if it were the first. Of a
// stored session the server that died may have accepted more than it has
// committed: what is left of the request is new here.
absl::Status DropDuplicates(const HostedSession& session,
                            uint64_t accepted_through,
                            ProcessorCounters* counters,
                            wire::RequestFrame* frame) {
  if (accepted_through == 0) return absl::OkStatus();
  const auto fresh = std::find_if(
      frame->messages.begin(), frame->messages.end(),
      [accepted_through](const wire::MessageView& message) {
        return message.sequence == 0 || message.sequence > accepted_through;
      });
  if (fresh != frame->messages.end() && !session.stored()) {
    return absl::InvalidArgumentError(
        absl::StrCat("The session exists and message ", fresh->sequence,
                     " is not one of the ", accepted_through,
                     " that it has accepted; "
                     "only a session's first Open may carry messages along."));
  }
  ProcessorCounters::Add(&counters->messages_duplicate,
                         static_cast<size_t>(fresh - frame->messages.begin()));
  frame->messages.erase(frame->messages.begin(), fresh);
  return absl::OkStatus();
}

}  // namespace

std::shared_ptr<PrincipalQuota> QuotaOf(ProcessorContext* processor,
                                        const base::Principal& principal) {
  return processor->sessions()->quotas()->For(
      principal, processor->access().LimitsOf(principal));
}

std::string OpenedStream::EncodeWelcome() {
  MSGPROC_CHECK(session != nullptr);
  MSGPROC_CHECK_EQ(response.has_welcome(), !session->anonymous());
  if (!response.has_welcome()) return "";
  response.mutable_welcome()->set_accepted_through(session->accepted_through());
  return response.SerializeAsString();
}

absl::StatusOr<FirstRequest> ReadFirstRequest(ProcessorContext* processor,
                                              const base::Principal& principal,
                                              const wire::RequestFrame& frame) {
  FirstRequest first;
  if (!frame.has_open) {
    first.binding = FindHandler(*processor, principal, "");
    return first;
  }
  first.open.emplace();
  if (!first.open->ParseFromArray(frame.open.data(),
                                  static_cast<int>(frame.open.size()))) {
    return absl::InvalidArgumentError("The Open is malformed.");
  }
  // Before the store has a session of it.
  if (absl::Status along = CheckMessagesAlong(frame); !along.ok()) return along;
  first.binding = FindHandler(*processor, principal, first.open->handler());
  return first;
}

absl::StatusOr<absl::optional<Claim>> PrepareClaim(
    ProcessorContext* processor, const StreamPeer& peer,
    const base::Principal& principal, const wire::RequestFrame& frame,
    const FirstRequest& first) {
  if (processor->options().sessions.committer == nullptr || !first.open) {
    return absl::optional<Claim>();
  }
  if (!first.binding.ok()) return first.binding.status();
  OpenRequest request = RequestOf(peer, principal, *first.open, frame);
  request.handler = (*first.binding)->name;
  return processor->sessions()->PrepareClaim(request);
}

absl::StatusOr<OpenedStream> OpenStream(
    ProcessorContext* processor, const StreamPeer& peer,
    const base::Principal& principal,
    const std::shared_ptr<AttachedStream>& stream, wire::RequestFrame* frame,
    const FirstRequest& first, const SessionTable::Stored* stored) {
  MSGPROC_CHECK(stream != nullptr);
  if (!first.open) {
    return OpenAnonymous(processor, peer, principal, stream, first.binding);
  }
  const v1::Open& open = *first.open;
  absl::StatusOr<HandlerBinding*> binding = first.binding;
  if (stored == nullptr && binding.ok()) {
    absl::Status durable = CheckDurable(processor, **binding);
    if (!durable.ok()) return durable;
  }
  // One that the store has keeps the handler that it was opened with.
  if (stored != nullptr && stored->claimed->status.ok() &&
      (!binding.ok() || (*binding)->name != stored->claimed->handler)) {
    binding = FindHandler(*processor, principal, stored->claimed->handler);
  }
  OpenRequest request = RequestOf(peer, principal, open, *frame);
  request.quota = QuotaOf(processor, principal);
  const absl::StatusOr<SessionTable::Opened> found =
      processor->sessions()->Open(request, binding, stream, stored);
  if (!found.ok()) return found.status();
  // A session may have been opened with rights that its client has no more.
  if (absl::Status may = processor->access().Recheck(
          principal, found->session->binding().name);
      !may.ok()) {
    processor->sessions()->Detach(found->session, stream.get(), false);
    return may;
  }
  if (found->attached.opening.state == Session::State::kResumed) {
    absl::Status status =
        DropDuplicates(*found->session, found->attached.accepted_through,
                       processor->counters(), frame);
    if (!status.ok()) {
      processor->sessions()->Detach(found->session, stream.get(), false);
      return status;
    }
  }
  OpenedStream opened;
  opened.session = found->session;
  v1::Welcome* const welcome = opened.response.mutable_welcome();
  FillWelcome(*found, processor->options(), welcome);
  welcome->set_principal(principal.name);
  SetTokenExpiresIn(processor->access().TimeLeft(principal), welcome);
  LogSessionOpened(*opened.session, peer,
                   v1::Welcome::State_Name(welcome->state()),
                   found->attached.opening.why_lost,
                   DrainReasonName(open.moved_for()), frame->received_through);
  return opened;
}

}  // namespace msgproc::processor
