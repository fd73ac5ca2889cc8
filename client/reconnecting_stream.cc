#include "client/reconnecting_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/channel.h"
#include "client/random.h"
#include "client/result_decoding.h"
#include "client/status.h"
#include "common/clock.h"
#include "msgproc/v1/processor.pb.h"

namespace msgproc::client {
namespace {

absl::Time Now() { return Clock::Monotonic()->Now(); }

// The stream whose callback this thread runs.
thread_local const MessageStream* calling_back = nullptr;

// Marks this thread as running a callback of a stream.
class CallingBack {
 public:
  explicit CallingBack(const MessageStream* stream)
      : before_(std::exchange(calling_back, stream)) {}
  ~CallingBack() { calling_back = before_; }
  CallingBack(const CallingBack&) = delete;
  CallingBack& operator=(const CallingBack&) = delete;

 private:
  const MessageStream* const before_;
};

Session::Options SessionOptions(const MessageStreamOptions& options) {
  v1::Open open;
  open.set_session_id(options.session_id.empty() ? RandomHex(16)
                                                 : options.session_id);
  open.set_session_token(options.session_token.empty() ? RandomBytes(32)
                                                       : options.session_token);
  open.set_client_name(options.client_name);
  open.set_handler(options.handler);
  return {.open = open.SerializeAsString(),
          .limits = {.messages = options.max_outstanding_messages,
                     .bytes = options.max_outstanding_bytes,
                     .batch_messages = options.max_batch_messages},
          .connect_timeout = options.connect_timeout};
}

StreamEvent::State ToEventState(SessionState state) {
  switch (state) {
    case SessionState::kNew:
      return StreamEvent::State::kNew;
    case SessionState::kResumed:
      return StreamEvent::State::kResumed;
    case SessionState::kLost:
      return StreamEvent::State::kLost;
  }
  return StreamEvent::State::kNone;
}

}  // namespace

ReconnectingStream::ReconnectingStream(MessageStreamOptions options)
    : options_(std::move(options)),
      session_(SessionOptions(options_)),
      policy_({.initial_backoff = options_.initial_backoff,
               .max_backoff = options_.max_backoff,
               .give_up_after = options_.give_up_after},
              Now()),
      connect_at_(Now()),
      timer_([this] { OnTimer(); }) {
  MutexLock lock(&mutex_);
  address_ = options_.target;
  Connect();
}

ReconnectingStream::~ReconnectingStream() {
  Cancel();
  MutexLock lock(&mutex_);
  while (!Finished()) changed_.Wait(&mutex_);
}

// --- Callers ---------------------------------------------------------------

absl::Status ReconnectingStream::WaitUntilConnected(absl::Duration timeout) {
  const absl::Time deadline = Now() + timeout;
  MutexLock lock(&mutex_);
  ++waiting_;
  absl::Status status;
  while (!session_.window().connected()) {
    if (phase_ == Phase::kEnded) {
      status = status_;
      break;
    }
    const absl::Duration left = deadline - Now();
    if (left <= absl::ZeroDuration() || calling_back != nullptr) {
      status = absl::DeadlineExceededError(absl::StrCat(
          "no server answered within ", absl::FormatDuration(timeout),
          last_failure_.ok() ? "" : "; the last attempt ended ",
          last_failure_.ok() ? "" : last_failure_.ToString()));
      break;
    }
    changed_.WaitFor(&mutex_, left);
  }
  --waiting_;
  return status;
}

absl::Status ReconnectingStream::CannotSend(absl::string_view payload) const {
  if (phase_ == Phase::kEnded && !status_.ok()) return status_;
  if (cancelled_) return absl::CancelledError("the stream was cancelled");
  if (closing_) {
    return absl::FailedPreconditionError("Send after Close: open a new stream");
  }
  if (payload.size() > session_.max_payload_bytes()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a payload of ", payload.size(),
                     " bytes is over the server's max_payload_bytes of ",
                     session_.max_payload_bytes()));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> ReconnectingStream::Send(
    absl::string_view payload, absl::Span<const wire::HeaderView> headers,
    absl::Duration timeout) {
  MutexLock lock(&mutex_);
  absl::Status status = CannotSend(payload);
  if (!status.ok()) return status;
  uint64_t sequence = session_.TryAppend(payload, headers);
  if (sequence == 0) {
    absl::StatusOr<uint64_t> waited = Wait(payload, headers, timeout);
    if (!waited.ok()) return waited;
    sequence = *waited;
  }
  // What a callback sends leaves together once its frame is delivered.
  if (!writing_ && calling_back != this) WriteNext();
  return sequence;
}

absl::StatusOr<uint64_t> ReconnectingStream::Wait(
    absl::string_view payload, absl::Span<const wire::HeaderView> headers,
    absl::Duration timeout) {
  if (calling_back != nullptr || timeout <= absl::ZeroDuration()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the window is full: ", session_.window().outstanding(),
                     " messages have no result yet"));
  }
  const absl::Time deadline = Now() + timeout;
  ++waiting_;
  absl::StatusOr<uint64_t> sequence = 0;
  while (true) {
    const absl::Duration left = deadline - Now();
    if (left <= absl::ZeroDuration()) {
      sequence = absl::DeadlineExceededError(absl::StrCat(
          "the window stayed full for ", absl::FormatDuration(timeout), ": ",
          session_.window().outstanding(), " messages have no result yet"));
      break;
    }
    changed_.WaitFor(&mutex_, left);
    const absl::Status status = CannotSend(payload);
    if (!status.ok()) {
      sequence = status;
      break;
    }
    sequence = session_.TryAppend(payload, headers);
    if (*sequence != 0) break;
  }
  --waiting_;
  return sequence;
}

absl::Status ReconnectingStream::Close(absl::Duration timeout) {
  const absl::Time deadline = Now() + timeout;
  MutexLock lock(&mutex_);
  closing_ = true;
  session_.Close();
  changed_.SignalAll();
  if (phase_ == Phase::kWaiting && session_.window().drained()) {
    End(absl::OkStatus());
  } else if (calling_back != this) {
    WriteNext();
  }
  if (calling_back != nullptr) return absl::OkStatus();
  ++waiting_;
  bool in_time = true;
  while (in_time && !Finished()) {
    const absl::Duration left = deadline - Now();
    in_time = left > absl::ZeroDuration();
    if (in_time) changed_.WaitFor(&mutex_, left);
  }
  --waiting_;
  if (Finished()) return status_;
  return absl::DeadlineExceededError(absl::StrCat(
      "the stream did not close within ", absl::FormatDuration(timeout), ": ",
      session_.window().outstanding(), " messages have no result yet"));
}

void ReconnectingStream::Cancel() {
  MutexLock lock(&mutex_);
  if (cancelled_ || phase_ == Phase::kEnded) return;
  cancelled_ = true;
  changed_.SignalAll();
  const absl::Status why = absl::CancelledError("the stream was cancelled");
  if (phase_ == Phase::kWaiting) {
    End(why);
  } else {
    Break(why);
  }
}

uint64_t ReconnectingStream::outstanding() const {
  MutexLock lock(&mutex_);
  return session_.window().next_sequence() - 1 - delivered_through_;
}

// --- The call --------------------------------------------------------------

void ReconnectingStream::Connect() {
  phase_ = Phase::kCalling;
  frame_waiting_ = read_ended_ = broken_ = released_ = false;
  broken_why_ = absl::OkStatus();
  writing_ = true;
  std::shared_ptr<ProcessCall> old = std::move(call_);
  const std::string address = address_;
  mutex_.Unlock();
  ProcessCall::Listener* const listener = this;
  const auto call =
      std::make_shared<ProcessCall>(CreateChannel(options_, address), listener);
  old.reset();
  mutex_.Lock();
  session_.OnOpen(Now(), &write_);
  call_ = call;
  const bool cancel = !broken_why_.ok();
  SetTimer();
  mutex_.Unlock();
  if (cancel) call->Cancel();
  call->Start(write_.head, &write_.messages);
  mutex_.Lock();
}

void ReconnectingStream::WriteNext() {
  if (writing_ || broken_ || phase_ != Phase::kCalling) return;
  if (!session_.NextWrite(Now(), &write_)) return;
  writing_ = true;
  // It lives at least until this write is done.
  ProcessCall* const call = call_.get();
  mutex_.Unlock();
  if (!write_.has_frame) {
    call->HalfClose();
  } else if (write_.half_close) {
    call->WriteLast(write_.head, &write_.messages);
  } else {
    call->Write(write_.head, &write_.messages);
  }
  mutex_.Lock();
}

void ReconnectingStream::Break(absl::Status why) {
  if (!broken_why_.ok()) return;
  broken_ = true;
  broken_why_ = std::move(why);
  // Until it exists Connect does this.
  const std::shared_ptr<ProcessCall> call = call_;
  if (call == nullptr) return;
  mutex_.Unlock();
  call->Cancel();
  mutex_.Lock();
}

void ReconnectingStream::Leave() {
  const bool release = phase_ == Phase::kCalling && read_ended_ && !writing_ &&
                       !delivering_ && !released_;
  if (release) released_ = true;
  ProcessCall* const call = call_.get();
  mutex_.Unlock();
  if (release) call->Release();
}

void ReconnectingStream::OnFrame() {
  mutex_.Lock();
  frame_waiting_ = true;
  if (!delivering_) Deliver();
  Leave();
}

void ReconnectingStream::OnWritten(bool ok) {
  mutex_.Lock();
  writing_ = false;
  if (!ok) broken_ = true;
  // Who delivers writes when done, so that what callbacks send leaves together.
  if (!delivering_) {
    WriteNext();
    SetTimer();
  }
  Leave();
}

void ReconnectingStream::OnReadEnded() {
  mutex_.Lock();
  read_ended_ = broken_ = true;
  Leave();
}

void ReconnectingStream::OnEnded(const grpc::Status& grpc_status) {
  mutex_.Lock();
  const absl::Time now = Now();
  const bool connected = session_.window().connected();
  const bool finished = session_.phase() == Session::Phase::kHalfClosed &&
                        grpc_status.ok() && broken_why_.ok();
  absl::Status status = broken_why_.ok() ? ToStatus(grpc_status) : broken_why_;
  if (status.ok() && !finished) {
    status = absl::UnavailableError("the server ended the stream early");
  }
  session_.OnDisconnected();
  const bool done = closing_ && session_.window().drained();
  phase_ = Phase::kWaiting;
  if (cancelled_) {
    End(absl::CancelledError("the stream was cancelled"));
  } else if (!status.ok() && !MayReconnect(status)) {
    End(status);
  } else if (done) {
    End(absl::OkStatus());
  } else {
    if (connected) AddEvent(StreamEvent::Kind::kDisconnected, status);
    last_failure_ = status;
    const ReconnectPolicy::Attempt attempt =
        status.ok() ? policy_.OnMoved(now)
                    : policy_.OnFailed(now, RandomNumber());
    connect_at_ = attempt.when;
  }
  if (phase_ == Phase::kWaiting) SetTimer();
  if (!delivering_) Deliver();
  Leave();
}

void ReconnectingStream::OnTimer() {
  mutex_.Lock();
  timer_at_ = absl::InfiniteFuture();
  const absl::Time now = Now();
  if (phase_ == Phase::kWaiting) {
    if (now >= policy_.give_up_at()) {
      End(absl::UnavailableError(absl::StrCat(
          "no server within ", absl::FormatDuration(options_.give_up_after),
          "; the last attempt ended ", last_failure_.ToString())));
    } else if (now >= connect_at_) {
      Connect();
    }
  } else if (phase_ == Phase::kCalling) {
    absl::Status status = session_.OnTime(now);
    if (status.ok()) {
      WriteNext();
    } else {
      Break(std::move(status));
    }
  }
  SetTimer();
  if (!delivering_) Deliver();
  Leave();
}

void ReconnectingStream::SetTimer() {
  absl::Time next = absl::InfiniteFuture();
  if (phase_ == Phase::kWaiting) {
    next = std::min(connect_at_, policy_.give_up_at());
  } else if (phase_ == Phase::kCalling && broken_why_.ok()) {
    next = session_.BreakTime();
    if (!writing_) next = std::min(next, session_.SpeakTime());
  } else if (phase_ == Phase::kEnded && !events_.empty()) {
    next = absl::InfinitePast();
  }
  if (next >= timer_at_) return;
  timer_at_ = next;
  timer_.Set(next);
}

// --- Delivery --------------------------------------------------------------

void ReconnectingStream::Deliver() {
  delivering_ = true;
  while (true) {
    if (!events_.empty()) {
      DeliverEvents();
    } else if (frame_waiting_) {
      DeliverFrame();
    } else {
      break;
    }
  }
  delivering_ = false;
  if (waiting_ > 0 || phase_ == Phase::kEnded) changed_.SignalAll();
}

void ReconnectingStream::DeliverEvents() {
  const StreamEvent event = std::move(events_.front());
  events_.pop_front();
  mutex_.Unlock();
  if (options_.on_event) {
    const CallingBack mark(this);
    options_.on_event(event);
  }
  mutex_.Lock();
}

void ReconnectingStream::DeliverFrame() {
  frame_waiting_ = false;
  ProcessCall* const call = call_.get();
  mutex_.Unlock();
  const bool readable =
      flat_.Assign(call->incoming()) && frame_.Parse(flat_.bytes());
  call->ReadNext();
  mutex_.Lock();
  if (!broken_why_.ok()) return;
  if (!readable) {
    Break(
        absl::InternalError("the server sent a frame that is no "
                            "ProcessResponse"));
    return;
  }
  const absl::Time now = Now();
  const Session::Heard heard = session_.OnFrame(frame_, now);
  if (heard.welcome) {
    server_id_ = heard.server_id;
    policy_.OnConnected(now);
    AddEvent(StreamEvent::Kind::kConnected, absl::OkStatus());
    events_.back().state = ToEventState(heard.state);
    changed_.SignalAll();
    while (!events_.empty()) DeliverEvents();
  }
  if (heard.count > 0) {
    policy_.OnResult();
    mutex_.Unlock();
    const CallingBack mark(this);
    for (size_t i = heard.first; i < heard.first + heard.count; ++i) {
      options_.on_result(ToResult(frame_.results[i]));
    }
    mutex_.Lock();
    delivered_through_ += heard.count;
    if (waiting_ > 0) changed_.SignalAll();
  }
  if (heard.drain) {
    AddEvent(StreamEvent::Kind::kDraining, absl::OkStatus());
  }
  if (!heard.status.ok()) Break(heard.status);
  WriteNext();
  SetTimer();
}

void ReconnectingStream::AddEvent(StreamEvent::Kind kind, absl::Status status) {
  StreamEvent& event = events_.emplace_back();
  event.kind = kind;
  event.server_id = server_id_;
  event.address = address_;
  event.status = std::move(status);
}

void ReconnectingStream::End(absl::Status status) {
  phase_ = Phase::kEnded;
  status_ = std::move(status);
  AddEvent(StreamEvent::Kind::kClosed, status_);
  changed_.SignalAll();
  SetTimer();
}

}  // namespace msgproc::client
