#include "services/processor/stream/process_reactor.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/server_context.h"
#include "services/base/grpc_status.h"
#include "services/processor/stream/drain_message.h"
#include "services/processor/stream/stream_log.h"
#include "services/processor/stream/stream_opening.h"

namespace msgproc::processor {
namespace {

// What a proxy in front says of the client (deploy/nginx): for the log alone,
// since a client without a proxy can claim anything.
std::string ForwardedFor(const grpc::CallbackServerContext& call) {
  constexpr size_t kLongest = 256;
  const auto found = call.client_metadata().find("x-forwarded-for");
  if (found == call.client_metadata().end()) return "";
  return std::string(found->second.data(),
                     std::min(found->second.size(), kLongest));
}

StreamPeer PeerOf(const ProcessorContext::Options& options,
                  const grpc::CallbackServerContext& call) {
  return {.address =
              options.real_peer ? options.real_peer(call.peer()) : call.peer(),
          .forwarded_for = ForwardedFor(call)};
}

absl::Status CheckFrame(const wire::RequestFrame& frame, size_t bytes,
                        uint64_t max_messages) {
  if (frame.message_count > max_messages) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The request has ", frame.message_count, " messages; at most ",
        max_messages, " are allowed (max_batch_messages)."));
  }
  if (frame.message_count > 1 && bytes > wire::kMaxFrameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("The request has ", bytes, " bytes and ",
                     frame.message_count, " messages; a request holds at most ",
                     wire::kMaxFrameBytes, " bytes or one message."));
  }
  return absl::OkStatus();
}

}  // namespace

// What reading a request needs. Kept by threads and not by streams: of ten
// thousand that are idle each would keep the memory of its largest frame.
struct ProcessReactor::Request {
  wire::FlatFrame flat;
  wire::RequestFrame frame;
};
thread_local std::unique_ptr<ProcessReactor::Request>
    ProcessReactor::spare_request;

ProcessReactor::ProcessReactor(ProcessorContext* processor,
                               grpc::CallbackServerContext* call,
                               absl::Duration max_age, OnGone on_gone)
    : processor_(processor),
      call_(call),
      on_gone_(std::move(on_gone)),
      peer_(PeerOf(processor->options(), *call)),
      state_(processor->options().heartbeat_interval * wire::kSilentIntervals,
             processor->clock()->Now(), processor->clock()->Now() + max_age) {}

void ProcessReactor::Start() {
  {
    MutexLock lock(&mutex_);
    self_ = shared_from_this();
  }
  processor_->method()->Started();
  StartSendInitialMetadata();
  StartRead(&read_buffer_);
}

void ProcessReactor::OnReadDone(bool ok) {
  if (!ok) {
    // Half-closed, or broken; OnCancel says so if it is the latter.
    if (call_->IsCancelled()) {
      EndStream(StreamState::End::kBroken, absl::CancelledError());
    } else {
      EndStream(StreamState::End::kHalfClose, absl::OkStatus());
    }
    return;
  }
  {
    MutexLock lock(&mutex_);
    if (!state_.OnRead(processor_->clock()->Now())) return;
  }
  processor_->method()->MessageReceived();
  ProcessFrame();
  Advance();
}

void ProcessReactor::ProcessFrame() {
  std::unique_ptr<Request> request = std::move(spare_request);
  if (request == nullptr) request = std::make_unique<Request>();
  const absl::Status status = OnRequest(request.get());
  const size_t messages = request->frame.message_count;
  const size_t bytes = request->flat.bytes().size();
  read_buffer_.Clear();
  request->flat.Clear();
  spare_request = std::move(request);
  const bool taken_over = absl::IsAborted(status);
  bool close_input = false;
  {
    MutexLock lock(&mutex_);
    state_.OnProcessed(messages, bytes);
    if (!status.ok()) {
      close_input = state_.OnEnd(taken_over ? StreamState::End::kTakenOver
                                            : StreamState::End::kViolation,
                                 status);
    }
  }
  if (!status.ok() && !taken_over) {
    processor_->counters()->Reject(status);
    processor_->refusals()->Log(status, peer_.address, peer_.forwarded_for);
  }
  if (close_input) CloseInput();
}

absl::Status ProcessReactor::OnRequest(Request* request) {
  wire::RequestFrame& frame = request->frame;
  const uint64_t most =
      processor_->options().sessions.limits.max_batch_messages;
  if (!request->flat.Assign(&read_buffer_) ||
      !frame.Parse(request->flat.bytes(), most)) {
    frame.message_count = 0;
    return absl::InvalidArgumentError(
        "The frame is not a msgproc.v1.ProcessRequest: it cannot be parsed, or "
        "a header's key is not UTF-8.");
  }
  if (absl::Status status =
          CheckFrame(frame, request->flat.bytes().size(), most);
      !status.ok()) {
    return status;
  }
  if (std::exchange(first_request_, false)) return OnFirstRequest(&frame);
  if (frame.has_open) {
    return absl::InvalidArgumentError(
        "Open stands in the first request of a stream only.");
  }
  std::shared_ptr<HostedSession> session;
  {
    MutexLock lock(&mutex_);
    if (frame.messages.empty()) state_.OnHeartbeat();
    session = session_;
  }
  if (session == nullptr) return absl::AbortedError("The stream has ended.");
  return session->OnFrame(this, frame);
}

absl::Status ProcessReactor::OnFirstRequest(wire::RequestFrame* frame) {
  absl::StatusOr<OpenedStream> opened =
      OpenStream(processor_, peer_, shared_from_this(), frame);
  if (!opened.ok()) return opened.status();
  // The messages before the Welcome, which says how many were accepted; nothing
  // is written before the stream counts as open.
  absl::Status status = opened->session->OnFrame(this, *frame);
  const std::string welcome = opened->EncodeWelcome();
  MutexLock lock(&mutex_);
  session_ = std::move(opened->session);
  state_.OnOpened(session_->anonymous(), welcome);
  if (frame->messages.empty()) state_.OnHeartbeat();
  return status;
}

void ProcessReactor::OnWriteDone(bool ok) {
  {
    MutexLock lock(&mutex_);
    write_buffer_.Clear();
    state_.OnWritten();
  }
  if (ok) {
    Advance();
  } else {
    EndStream(StreamState::End::kBroken, absl::CancelledError());
  }
}

void ProcessReactor::OnReached() {
  // gRPC does not know of it: once no marker is in flight, another thread may
  // finish the stream, and OnDone does not wait for this one.
  const std::shared_ptr<ProcessReactor> self = shared_from_this();
  {
    MutexLock lock(&mutex_);
    state_.OnMarkerReached();
  }
  Advance();
}

void ProcessReactor::OnResultsReady(bool more) {
  if (more) {
    {
      MutexLock lock(&mutex_);
      if (!state_.GatherResults()) return;
    }
    Post(call_->c_call());
  } else {
    Advance();
  }
}

void ProcessReactor::OnTakenOver() {
  EndStream(StreamState::End::kTakenOver,
            absl::AbortedError("Another stream took the session over."));
}

void ProcessReactor::OnCancel() {
  EndStream(StreamState::End::kBroken, absl::CancelledError());
}

void ProcessReactor::End(absl::string_view why) {
  EndStream(StreamState::End::kStopped,
            absl::UnavailableError(std::string(why)));
}

void ProcessReactor::EndStream(StreamState::End end, absl::Status status) {
  bool close_input = false;
  {
    MutexLock lock(&mutex_);
    close_input = state_.OnEnd(end, std::move(status));
  }
  if (close_input) CloseInput();
  Advance();
}

// The client waits for its results and cannot acknowledge them any more.
void ProcessReactor::CloseInput() {
  std::shared_ptr<HostedSession> session;
  {
    MutexLock lock(&mutex_);
    session = session_;
  }
  if (session != nullptr) session->CloseInput(this);
}

bool ProcessReactor::Drain(v1::Drain::Reason reason, absl::string_view address,
                           absl::Duration grace) {
  const std::string drain = EncodeDrain(reason, address, grace);
  {
    MutexLock lock(&mutex_);
    if (!state_.Drain(drain, DrainReasonName(reason))) return false;
  }
  Advance();
  return true;
}

bool ProcessReactor::CanMove() {
  MutexLock lock(&mutex_);
  return state_.CanMove();
}

absl::Time ProcessReactor::Tick(absl::Time now) {
  StreamState::Verdict verdict;
  absl::Time next;
  std::shared_ptr<HostedSession> session;
  {
    MutexLock lock(&mutex_);
    verdict = state_.OnTick(now);
    next = state_.NextTick(now);
    session = session_;
  }
  // Anonymous ones send no heartbeats, upon which others do so.
  if (session != nullptr && session->anonymous()) session->TrimIfIdle();
  if (verdict == StreamState::Verdict::kPatient) return next;
  const std::string patience = absl::FormatDuration(
      processor_->options().heartbeat_interval * wire::kSilentIntervals);
  switch (verdict) {
    case StreamState::Verdict::kPatient:
      break;
    case StreamState::Verdict::kAged:
      Drain(v1::Drain::REASON_AGE, "", processor_->options().drain_grace);
      break;
    case StreamState::Verdict::kUnread: {
      ProcessorCounters::Add(&processor_->counters()->slow_consumers, 1);
      const std::string why =
          absl::StrCat("The client has read nothing for ", patience, ".");
      End(why);
      // A write that nobody reads does not end by itself.
      Cancel(why);
      break;
    }
    case StreamState::Verdict::kSilent:
      ProcessorCounters::Add(&processor_->counters()->silent_sessions, 1);
      End(absl::StrCat("The client has been silent for ", patience, "."));
      break;
    case StreamState::Verdict::kUnfinished:
      Cancel("The client does not take the end of the stream.");
      break;
  }
  return next;
}

// Sends the status past everything that waits to be written. (TryCancel would
// say CANCELLED.)
void ProcessReactor::Cancel(const std::string& why) {
  {
    MutexLock lock(&mutex_);
    if (done_) return;
    state_.OnCancelling();
    cancelling_ = true;
  }
  grpc_call_cancel_with_status(call_->c_call(), GRPC_STATUS_UNAVAILABLE,
                               why.c_str(), nullptr);
  MutexLock lock(&mutex_);
  cancelling_ = false;
  cancel_returned_.SignalAll();
}

void ProcessReactor::Advance() {
  bool again = true;
  while (again) {
    again = false;
    Step step;
    {
      MutexLock lock(&mutex_);
      step = Decide();
    }
    if (step.actions.write) {
      processor_->method()->MessageSent();
      StartWrite(&write_buffer_);
    }
    // Behind the write, so that a window update may travel with it.
    if (step.actions.read) {
      StartRead(&read_buffer_);
      MutexLock lock(&mutex_);
      again = state_.OnReadStarted();
    }
    if (step.actions.mark) Post(call_->c_call());
    if (step.ended != nullptr) {
      processor_->sessions()->Detach(step.ended, this, step.status.ok());
    }
    if (step.actions.finish) {
      LogStreamEnded(step.ended.get(), peer_, step.status.error_code(),
                     step.why);
      processor_->method()->Handled(step.status.error_code());
      Finish(step.status);
    }
    if (step.resumed != nullptr) {
      step.resumed->Resume(this);
      again = true;
    }
  }
}

ProcessReactor::Step ProcessReactor::Decide() {
  Step step;
  step.actions = state_.Next(
      processor_->clock()->Now(),
      [this]() MSGPROC_REQUIRES(mutex_) {
        return session_ != nullptr && session_->AtLimit();
      },
      [this, &step]() MSGPROC_REQUIRES(mutex_) {
        if (session_ == nullptr) return StreamState::Supply();
        const HostedSession::Output output =
            session_->TakeResults(this, &pieces_);
        if (output.can_resume) step.resumed = session_;
        return StreamState::Supply{.results = output.results,
                                   .all_taken = output.all_taken};
      });
  if (step.actions.write) {
    wire::ToByteBuffer(state_.TakeHead(), &pieces_, &write_buffer_);
  }
  if (step.actions.finish) {
    step.status = base::ToGrpcStatus(state_.status());
    step.why = std::string(state_.Why());
    step.ended = session_;
  }
  return step;
}

void ProcessReactor::OnDone() {
  std::shared_ptr<ProcessReactor> self;
  std::shared_ptr<HostedSession> session;
  {
    MutexLock lock(&mutex_);
    while (cancelling_) cancel_returned_.Wait(&mutex_);
    done_ = true;
    self = std::move(self_);
    session = std::move(session_);
  }
  // It may have been attached after the stream was finished.
  if (session != nullptr) processor_->sessions()->Detach(session, this, false);
  on_gone_(self);
}

}  // namespace msgproc::processor
