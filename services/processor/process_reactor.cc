#include "services/processor/process_reactor.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/server_context.h"
#include "services/base/log.h"
#include "services/base/log_throttle.h"

namespace msgproc::processor {
namespace {

void SetDuration(absl::Duration from, google::protobuf::Duration* to) {
  const int64_t seconds = absl::ToInt64Seconds(from);
  to->set_seconds(seconds);
  to->set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(from - absl::Seconds(seconds))));
}

v1::Welcome::State ToProto(HostedSession::State state) {
  switch (state) {
    case HostedSession::State::kNew:
      return v1::Welcome::STATE_NEW;
    case HostedSession::State::kResumed:
      return v1::Welcome::STATE_RESUMED;
    case HostedSession::State::kLost:
      return v1::Welcome::STATE_LOST;
  }
  return v1::Welcome::STATE_UNSPECIFIED;
}

void FillWelcome(const SessionTable::Opened& opened,
                 const StreamHost::Options& options, v1::Welcome* welcome) {
  const SessionLimits& limits = options.sessions.limits;
  welcome->set_server_id(options.server_id);
  welcome->set_session_id(opened.session->identity().id);
  welcome->set_session_token(opened.session->identity().token);
  welcome->set_state(ToProto(opened.attached.state));
  welcome->set_max_batch_messages(
      static_cast<uint32_t>(limits.max_batch_messages));
  welcome->set_max_payload_bytes(limits.max_payload_bytes);
  welcome->set_max_outstanding_messages(
      static_cast<uint32_t>(limits.max_outstanding_messages));
  welcome->set_max_outstanding_bytes(limits.max_outstanding_bytes);
  SetDuration(options.heartbeat_interval,
              welcome->mutable_heartbeat_interval());
}

// What a proxy in front says of the client (deploy/nginx): for the log alone,
// since a client without a proxy can claim anything.
std::string ForwardedFor(const grpc::CallbackServerContext& context) {
  constexpr size_t kLongest = 256;
  const auto found = context.client_metadata().find("x-forwarded-for");
  if (found == context.client_metadata().end()) return "";
  return std::string(found->second.data(),
                     std::min(found->second.size(), kLongest));
}

// Clients decide how often sessions open and end, and how long their names are:
// all of them are counted, and listed as long as they are no flood.
server::LogThrottle SessionLines() {
  constexpr int kBurst = 100;
  return server::LogThrottle(absl::Milliseconds(100), Clock::Monotonic(),
                             kBurst);
}

}  // namespace

ProcessReactor::ProcessReactor(StreamHost* host,
                               grpc::CallbackServerContext* context)
    : host_(host),
      context_(context),
      peer_(host->options().real_peer
                ? host->options().real_peer(context->peer())
                : context->peer()),
      forwarded_for_(ForwardedFor(*context)),
      last_heard_ns_(absl::ToUnixNanos(host->clock()->Now())) {}

void ProcessReactor::Start() {
  {
    MutexLock lock(&mutex_);
    self_ = shared_from_this();
  }
  host_->method()->Started();
  StartSendInitialMetadata();
  StartRead(&read_buffer_);
  host_->Add(shared_from_this());
}

void ProcessReactor::OnReadDone(bool ok) {
  if (!ok) {
    // Half-closed, or broken; OnCancel says so if it is the latter.
    if (context_->IsCancelled()) {
      BeginEnding(Ending::kBroken, absl::CancelledError(), true);
    } else {
      BeginEnding(Ending::kHalfClosed, absl::OkStatus(), false);
    }
    return;
  }
  last_heard_ns_.store(absl::ToUnixNanos(host_->clock()->Now()),
                       std::memory_order_relaxed);
  {
    MutexLock lock(&mutex_);
    ++reads_;
    if (finished_) return;
    processing_ = true;
  }
  host_->method()->MessageReceived();
  const absl::Status status = OnRequest();
  const size_t messages = frame_.message_count;
  const size_t bytes = flat_.bytes().size();
  read_buffer_.Clear();
  flat_.Clear();
  if (frame_.messages.empty()) frame_ = wire::RequestFrame();
  OnProcessed(status.ok(), messages, bytes);
  if (absl::IsAborted(status)) {
    BeginEnding(Ending::kTakenOver, status, true);
  } else if (!status.ok()) {
    host_->counters()->Reject(status);
    BeginEnding(Ending::kFailed, status, false);
  } else {
    Advance();
  }
}

void ProcessReactor::OnProcessed(bool succeeded, size_t messages,
                                 size_t bytes) {
  MutexLock lock(&mutex_);
  processing_ = false;
  if (!succeeded) return;
  read_in_flight_ = false;
  gathered_messages_ += messages;
  gathered_bytes_ += bytes;
  gathering_ = messages > 0 &&
               gather_policy_.ShouldLook(gathered_messages_, gathered_bytes_);
}

// Where more results are about to come, they are written by the thread that
// reads, once it gets to it: it then writes many at once.
void ProcessReactor::OnResultsReady(bool more) {
  if (!more) {
    Advance();
    return;
  }
  {
    MutexLock lock(&mutex_);
    if (finished_ || marker_in_flight_ || write_in_flight_) return;
    marker_in_flight_ = true;
    marker_looks_ = false;
  }
  Post(context_->c_call());
}

void ProcessReactor::OnReached() {
  // gRPC does not know of it: once no marker is in flight, another thread may
  // finish the stream, and OnDone does not wait for this one.
  const std::shared_ptr<ProcessReactor> self = shared_from_this();
  bool again = false;
  {
    MutexLock lock(&mutex_);
    marker_in_flight_ = false;
    if (marker_looks_) {
      const bool found = reads_ != reads_at_marker_;
      gather_policy_.OnLooked(found);
      // While what was read is processed, that decides what follows.
      gathering_ = gathering_ && (found || processing_);
    }
    again = gathering_ && !processing_;
    if (again) MarkLocked();
  }
  if (again) {
    Post(context_->c_call());
  } else {
    Advance();
  }
}

absl::Status ProcessReactor::OnRequest() {
  const uint64_t most = host_->options().sessions.limits.max_batch_messages;
  if (!flat_.Assign(&read_buffer_) || !frame_.Parse(flat_.bytes(), most)) {
    return absl::InvalidArgumentError(
        "The frame is not a msgproc.v1.ProcessRequest.");
  }
  if (frame_.message_count > most) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The request has ", frame_.message_count, " messages; at most ", most,
        " are allowed (max_batch_messages)."));
  }
  if (frame_.message_count > 1 && flat_.bytes().size() > wire::kMaxFrameBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The request has ", flat_.bytes().size(), " bytes and ",
        frame_.message_count, " messages; a request holds at most ",
        wire::kMaxFrameBytes, " bytes or one message."));
  }
  if (first_request_) {
    first_request_ = false;
    return OnFirstRequest();
  }
  if (frame_.has_open) {
    return absl::InvalidArgumentError(
        "Open stands in the first request of a stream only.");
  }
  std::shared_ptr<HostedSession> session;
  {
    MutexLock lock(&mutex_);
    if (frame_.messages.empty()) owes_response_ = true;
    session = session_;
  }
  if (session == nullptr) return absl::AbortedError("The stream has ended.");
  return session->OnFrame(this, frame_);
}

absl::Status ProcessReactor::OnFirstRequest() {
  v1::ProcessResponse response;
  absl::StatusOr<std::shared_ptr<HostedSession>> session =
      OpenSession(frame_.has_open ? &response : nullptr);
  if (!session.ok()) return session.status();
  // The messages before the Welcome, which says how many were accepted; nothing
  // is written before session_ is set.
  absl::Status status = (*session)->OnFrame(this, frame_);
  std::string head;
  if (frame_.has_open) {
    response.mutable_welcome()->set_accepted_through(
        (*session)->accepted_through());
    head = response.SerializeAsString();
  }
  MutexLock lock(&mutex_);
  // In front of a Drain that was quick.
  head_.insert(0, head);
  owes_response_ = frame_.messages.empty();
  session_ = *std::move(session);
  return status;
}

absl::StatusOr<std::shared_ptr<HostedSession>> ProcessReactor::OpenSession(
    v1::ProcessResponse* response) {
  const StreamHost::Options& options = host_->options();
  if (response == nullptr) {
    const absl::StatusOr<HandlerBinding*> binding = host_->FindHandler("");
    if (!binding.ok()) return binding.status();
    auto session = std::make_shared<HostedSession>(
        HostedSession::Identity(), *binding, options.sessions.limits,
        host_->counters(), host_->clock());
    session->Attach(shared_from_this(), 0, true);
    return session;
  }
  v1::Open open;
  if (!open.ParseFromArray(frame_.open.data(),
                           static_cast<int>(frame_.open.size()))) {
    return absl::InvalidArgumentError("The Open is malformed.");
  }
  size_t bytes = 0;
  for (const wire::MessageView& message : frame_.messages) {
    bytes += message.window_bytes();
  }
  if (frame_.messages.size() > wire::kMaxMessagesWithOpen ||
      bytes > wire::kMaxBytesWithOpen) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The Open carries ", frame_.messages.size(), " messages of ", bytes,
        " bytes along; at most ", wire::kMaxMessagesWithOpen, " messages and ",
        wire::kMaxBytesWithOpen, " bytes are allowed."));
  }
  const absl::StatusOr<SessionTable::Opened> opened = host_->sessions()->Open(
      {.session_id = open.session_id(),
       .session_token = open.session_token(),
       .client_name = open.client_name(),
       .received_through = frame_.received_through,
       .has_messages = !frame_.messages.empty()},
      host_->FindHandler(open.handler()), shared_from_this());
  if (!opened.ok()) return opened.status();
  if (opened->attached.state == HostedSession::State::kResumed) {
    absl::Status status = DropDuplicates(opened->attached.accepted_through);
    if (!status.ok()) {
      host_->sessions()->Detach(opened->session, this, false);
      return status;
    }
  }
  FillWelcome(*opened, options, response->mutable_welcome());
  static server::LogThrottle throttle = SessionLines();
  if (const auto suppressed = throttle.Admit()) {
    server::LogInfo(
        "session opened",
        {{"session", opened->session->identity().id},
         {"client", open.client_name()},
         {"peer", peer_},
         {"forwarded_for", forwarded_for_},
         {"handler", opened->session->binding().name},
         {"state", v1::Welcome::State_Name(response->welcome().state())},
         {"received_through", frame_.received_through},
         {"suppressed", *suppressed}});
  }
  return opened->session;
}

// The first request again, because its Welcome never came. When it overtook
// itself nothing was accepted yet, and all is as if it were the first.
absl::Status ProcessReactor::DropDuplicates(uint64_t accepted_through) {
  if (accepted_through == 0) return absl::OkStatus();
  for (const wire::MessageView& message : frame_.messages) {
    if (message.sequence == 0 || message.sequence > accepted_through) {
      return absl::InvalidArgumentError(absl::StrCat(
          "The session exists and message ", message.sequence,
          " is not one of the ", accepted_through,
          " that it has accepted; "
          "only a session's first Open may carry messages along."));
    }
  }
  ProcessorCounters::Add(&host_->counters()->messages_duplicate,
                         frame_.messages.size());
  frame_.messages.clear();
  return absl::OkStatus();
}

bool ProcessReactor::Drain(v1::Drain::Reason reason, absl::string_view address,
                           absl::Duration grace) {
  v1::ProcessResponse response;
  response.mutable_drain()->set_reason(reason);
  response.mutable_drain()->set_server_address(std::string(address));
  SetDuration(grace, response.mutable_drain()->mutable_grace());
  {
    MutexLock lock(&mutex_);
    if (drain_sent_ || finished_ || ending_ != Ending::kNone) return false;
    drain_sent_ = true;
    head_ += response.SerializeAsString();
  }
  Advance();
  return true;
}

bool ProcessReactor::CanMove() {
  MutexLock lock(&mutex_);
  return session_ != nullptr && !session_->anonymous() && !drain_sent_ &&
         !finished_ && ending_ == Ending::kNone;
}

void ProcessReactor::End(absl::string_view why) {
  BeginEnding(Ending::kFailed, absl::UnavailableError(std::string(why)), true);
}

void ProcessReactor::OnTakenOver() {
  BeginEnding(Ending::kTakenOver,
              absl::AbortedError("Another stream took the session over."),
              true);
}

void ProcessReactor::OnWriteDone(bool ok) {
  {
    MutexLock lock(&mutex_);
    write_buffer_.Clear();
    write_in_flight_ = false;
  }
  if (ok) {
    Advance();
  } else {
    BeginEnding(Ending::kBroken, absl::CancelledError(), true);
  }
}

void ProcessReactor::OnCancel() {
  BeginEnding(Ending::kBroken, absl::CancelledError(), true);
}

absl::Time ProcessReactor::Tick(absl::Time now) {
  const absl::Duration patience = host_->options().heartbeat_interval * 3;
  const absl::Time heard =
      absl::FromUnixNanos(last_heard_ns_.load(std::memory_order_relaxed));
  // Whatever begins from now on.
  absl::Time again = now + patience;
  bool unread = false;
  bool silent = false;
  bool stuck = false;
  {
    MutexLock lock(&mutex_);
    if (cancelled_ || done_) return again;
    const bool opened = session_ != nullptr && !session_->anonymous();
    const bool may_be_silent = opened && ending_ == Ending::kNone;
    unread = write_in_flight_ && now - write_started_ > patience &&
             (opened || ending_ != Ending::kNone);
    silent = may_be_silent && now - heard > patience;
    stuck = finished_ && now - finished_at_ > patience;
    if (write_in_flight_) again = std::min(again, write_started_ + patience);
    if (may_be_silent) again = std::min(again, heard + patience);
    if (finished_) again = std::min(again, finished_at_ + patience);
  }
  if (unread) {
    ProcessorCounters::Add(&host_->counters()->slow_consumers, 1);
    const std::string why = absl::StrCat("The client has read nothing for ",
                                         absl::FormatDuration(patience), ".");
    End(why);
    // A write that nobody reads does not end by itself.
    Cancel(why);
  } else if (silent) {
    ProcessorCounters::Add(&host_->counters()->silent_sessions, 1);
    End(absl::StrCat("The client has been silent for ",
                     absl::FormatDuration(patience), "."));
  } else if (stuck) {
    Cancel("The client does not take the end of the stream.");
  }
  return again;
}

// Sends the status past everything that waits to be written. (TryCancel would
// say CANCELLED.)
void ProcessReactor::Cancel(const std::string& why) {
  {
    MutexLock lock(&mutex_);
    if (done_) return;
    cancelled_ = cancelling_ = true;
  }
  grpc_call_cancel_with_status(context_->c_call(), GRPC_STATUS_UNAVAILABLE,
                               why.c_str(), nullptr);
  MutexLock lock(&mutex_);
  cancelling_ = false;
  cancel_returned_.SignalAll();
}

void ProcessReactor::BeginEnding(Ending ending, absl::Status status, bool now) {
  std::shared_ptr<HostedSession> session;
  {
    MutexLock lock(&mutex_);
    // The first reason stands, unless the end comes sooner now. What breaks
    // because it was cancelled here is not news.
    if (ending_ == Ending::kNone ||
        (ending == Ending::kBroken && !cancelled_) ||
        (now && ending_ == Ending::kHalfClosed)) {
      ending_ = ending;
      end_status_ = std::move(status);
    }
    end_now_ = end_now_ || now;
    if (!end_now_) session = session_;
  }
  // The client waits for its results and cannot acknowledge them any more.
  if (session != nullptr) session->CloseInput(this);
  Advance();
}

void ProcessReactor::Advance() {
  bool again = true;
  while (again) {
    again = false;
    Actions actions;
    {
      MutexLock lock(&mutex_);
      actions = Decide();
    }
    if (actions.write) {
      host_->method()->MessageSent();
      StartWrite(&write_buffer_);
    }
    // Behind the write, so that a window update may travel with it.
    if (actions.read) {
      StartRead(&read_buffer_);
      MutexLock lock(&mutex_);
      read_starting_ = false;
      again = std::exchange(finish_waits_, false);
    }
    if (actions.mark) Post(context_->c_call());
    if (actions.ended != nullptr) {
      host_->sessions()->Detach(actions.ended, this, actions.status.ok());
    }
    if (actions.finish) {
      LogEnd(actions);
      host_->method()->Handled(actions.status.error_code());
      Finish(actions.status);
    }
    if (actions.resumed != nullptr) {
      actions.resumed->Resume(this);
      again = true;
    }
  }
}

bool ProcessReactor::MayRead() {
  return !read_in_flight_ && ending_ == Ending::kNone &&
         (session_ == nullptr || !session_->AtLimit());
}

ProcessReactor::Actions ProcessReactor::Decide() {
  Actions actions;
  if (finished_) return actions;
  // What nothing can be added to is written.
  if (gathering_ && !read_in_flight_ && !MayRead()) gathering_ = false;
  if (!write_in_flight_ && !(gathering_ && ending_ == Ending::kNone)) {
    DecideWrite(&actions);
  }
  // Behind the write, which may have made room.
  if (!finished_ && MayRead()) {
    read_in_flight_ = read_starting_ = true;
    actions.read = true;
    actions.mark = gathering_ && !marker_in_flight_;
    if (actions.mark) MarkLocked();
  }
  return actions;
}

void ProcessReactor::MarkLocked() {
  marker_in_flight_ = true;
  marker_looks_ = true;
  reads_at_marker_ = reads_;
}

void ProcessReactor::DecideWrite(Actions* actions) {
  HostedSession::Output output;
  const bool broken =
      ending_ == Ending::kBroken || ending_ == Ending::kTakenOver;
  if (session_ != nullptr && !end_now_ && !broken) {
    output = session_->TakeResults(this, &pieces_);
    if (output.can_resume) actions->resumed = session_;
  }
  const bool head = !head_.empty() && !broken;
  if (output.results > 0 || head || (owes_response_ && !broken && !end_now_)) {
    wire::ToByteBuffer(head_, &pieces_, &write_buffer_);
    head_.clear();
    owes_response_ = false;
    gathered_messages_ = gathered_bytes_ = 0;
    write_in_flight_ = true;
    write_started_ = host_->clock()->Now();
    actions->write = true;
    return;
  }
  if (ending_ == Ending::kNone) return;
  if (session_ != nullptr && !output.all_taken && !end_now_) return;
  if (read_starting_) {
    finish_waits_ = true;
    return;
  }
  // It decides again.
  if (marker_in_flight_) return;
  finished_ = true;
  finished_at_ = host_->clock()->Now();
  actions->finish = true;
  actions->status =
      grpc::Status(static_cast<grpc::StatusCode>(end_status_.code()),
                   std::string(end_status_.message()));
  actions->ended = session_;
}

void ProcessReactor::LogEnd(const Actions& actions) {
  if (actions.ended == nullptr || actions.ended->anonymous()) {
    server::LogDebug("stream ended",
                     {{"peer", peer_},
                      {"code", static_cast<int>(actions.status.error_code())},
                      {"why", actions.status.error_message()}});
    return;
  }
  static server::LogThrottle throttle = SessionLines();
  if (const auto suppressed = throttle.Admit()) {
    server::LogInfo("session's stream ended",
                    {{"session", actions.ended->identity().id},
                     {"client", actions.ended->identity().client_name},
                     {"peer", peer_},
                     {"accepted_through", actions.ended->accepted_through()},
                     {"code", static_cast<int>(actions.status.error_code())},
                     {"why", actions.status.error_message()},
                     {"suppressed", *suppressed}});
  }
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
  if (session != nullptr) host_->sessions()->Detach(session, this, false);
  host_->Remove(self);
}

}  // namespace msgproc::processor
