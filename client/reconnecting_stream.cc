#include "client/reconnecting_stream.h"

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/callback_scope.h"
#include "client/message_check.h"
#include "client/state_options.h"
#include "client/status.h"
#include "common/check.h"
#include "common/clock.h"

namespace msgproc::client {
namespace {

absl::Time Now() { return Clock::Monotonic()->Now(); }

}  // namespace

// Tells the state what has happened, and does what follows from it.
template <typename Tell>
void ReconnectingStream::React(Role role, const Tell& tell) {
  Step step;
  {
    MutexLock lock(&mutex_);
    tell(&state_);
    step = Decide(&role);
  }
  Run(role, std::move(step));
}

ReconnectingStream::ReconnectingStream(MessageStreamOptions options,
                                       std::unique_ptr<AddressSource> source,
                                       const KeptSession* kept)
    : options_(std::move(options)),
      state_(StateOptions(options_, kept)),
      delivery_(&options_, this),
      connector_(&options_, std::move(source)),
      timer_([this] { OnTimer(); }),
      token_source_(
          options_.token_provider == nullptr
              ? nullptr
              : std::make_unique<TokenSource>(options_.token_provider)) {
  React(Role::kConnector, [](ConnectionState*) {});
}

ReconnectingStream::~ReconnectingStream() {
  Cancel();
  MutexLock lock(&mutex_);
  ++waiting_;
  while (!state_.Finished()) changed_.Wait(&mutex_);
}

// --- What callers call -----------------------------------------------------

absl::Status ReconnectingStream::WaitUntilConnected(absl::Duration timeout) {
  const absl::Time deadline = Now() + timeout;
  MutexLock lock(&mutex_);
  ++waiting_;
  absl::Status status;
  while (!state_.session().window().connected()) {
    if (state_.phase() == ConnectionState::Phase::kEnded) {
      status =
          state_.status().ok()
              ? absl::FailedPreconditionError("the stream was closed before")
              : state_.status();
      break;
    }
    const absl::Duration left = deadline - Now();
    if (left <= absl::ZeroDuration() || CallbackScope::Current() != nullptr) {
      status = absl::DeadlineExceededError(absl::StrCat(
          "no server answered within ", absl::FormatDuration(timeout),
          state_.destination().LastFailure()));
      break;
    }
    changed_.WaitFor(&mutex_, left);
  }
  --waiting_;
  return status;
}

absl::StatusOr<uint64_t> ReconnectingStream::Send(
    absl::string_view payload, absl::Span<const wire::HeaderView> headers,
    absl::Duration timeout) {
  if (absl::Status status = CheckHeaders(headers); !status.ok()) return status;
  Role role = Role::kCaller;
  Step step;
  uint64_t sequence = 0;
  {
    MutexLock lock(&mutex_);
    if (!state_.MaySend(payload)) return state_.WhyNotSend(payload);
    sequence = state_.TryAppend(payload, headers);
    if (sequence == 0) {
      absl::StatusOr<uint64_t> waited = WaitToAppend(payload, headers, timeout);
      if (!waited.ok()) return waited;
      sequence = *waited;
    }
    if (state_.OnAppended(CallbackScope::Current() == this)) {
      step = Decide(&role);
    }
  }
  Run(role, std::move(step));
  return sequence;
}

absl::StatusOr<MessageStream::SentBatch> ReconnectingStream::TrySendBatch(
    absl::Span<const absl::string_view> payloads) {
  SentBatch sent;
  if (payloads.empty()) return sent;
  Role role = Role::kCaller;
  Step step;
  {
    MutexLock lock(&mutex_);
    sent.first_sequence = state_.session().window().next_sequence();
    while (sent.count < payloads.size() &&
           state_.MaySend(payloads[sent.count]) &&
           state_.TryAppend(payloads[sent.count], {}) != 0) {
      ++sent.count;
    }
    if (sent.count == 0) {
      return state_.MaySend(payloads[0]) ? WindowFull()
                                         : state_.WhyNotSend(payloads[0]);
    }
    if (state_.OnAppended(CallbackScope::Current() == this)) {
      step = Decide(&role);
    }
  }
  Run(role, std::move(step));
  return sent;
}

absl::Status ReconnectingStream::WindowFull() const {
  return absl::ResourceExhaustedError(absl::StrCat(
      "the window is full: ", state_.session().window().outstanding(),
      " messages have no result yet"));
}

absl::StatusOr<uint64_t> ReconnectingStream::WaitToAppend(
    absl::string_view payload, absl::Span<const wire::HeaderView> headers,
    absl::Duration timeout) {
  if (CallbackScope::Current() != nullptr || timeout <= absl::ZeroDuration()) {
    return WindowFull();
  }
  const absl::Time deadline = Now() + timeout;
  absl::StatusOr<uint64_t> sequence = uint64_t{0};
  ++waiting_;
  while (sequence.ok() && *sequence == 0) {
    const absl::Duration left = deadline - Now();
    if (left <= absl::ZeroDuration()) {
      sequence = absl::DeadlineExceededError(absl::StrCat(
          "the window stayed full for ", absl::FormatDuration(timeout), ": ",
          state_.session().window().outstanding(),
          " messages have no result yet"));
      break;
    }
    changed_.WaitFor(&mutex_, left);
    if (state_.MaySend(payload)) {
      sequence = state_.TryAppend(payload, headers);
    } else {
      sequence = state_.WhyNotSend(payload);
    }
  }
  --waiting_;
  return sequence;
}

absl::Status ReconnectingStream::Close(absl::Duration timeout) {
  const absl::Time deadline = Now() + timeout;
  const bool inside = CallbackScope::Current() == this;
  Role role = Role::kCaller;
  Step step;
  {
    MutexLock lock(&mutex_);
    state_.Close(inside);
    if (!inside) step = Decide(&role);
  }
  Run(role, std::move(step));
  if (CallbackScope::Current() != nullptr) return absl::OkStatus();
  MutexLock lock(&mutex_);
  ++waiting_;
  while (!state_.Finished()) {
    const absl::Duration left = deadline - Now();
    if (left <= absl::ZeroDuration()) break;
    changed_.WaitFor(&mutex_, left);
  }
  --waiting_;
  if (state_.Finished()) return state_.status();
  return absl::DeadlineExceededError(absl::StrCat(
      "the stream did not close within ", absl::FormatDuration(timeout), ": ",
      state_.session().window().outstanding(), " messages have no result yet"));
}

void ReconnectingStream::Cancel() {
  React(Role::kCaller, [](ConnectionState* state) { state->Cancel(); });
}

void ReconnectingStream::OnKept(const KeptThrough& kept) {
  React(Role::kCaller,
        [&kept](ConnectionState* state) { state->OnKept(kept); });
}

void ReconnectingStream::Fail(const absl::Status& why) {
  React(Role::kCaller, [&why](ConnectionState* state) { state->Cancel(why); });
}

uint64_t ReconnectingStream::next_sequence() const {
  MutexLock lock(&mutex_);
  return state_.session().window().next_sequence();
}

uint64_t ReconnectingStream::outstanding() const {
  MutexLock lock(&mutex_);
  return state_.session().window().next_sequence() - 1 - state_.delivered();
}

// --- What happens ----------------------------------------------------------

void ReconnectingStream::OnFrame() {
  React(Role::kReader, [](ConnectionState* state) { state->OnFrame(); });
}

void ReconnectingStream::OnReadEnded() {
  React(Role::kReader, [](ConnectionState* state) { state->OnReadEnded(); });
}

void ReconnectingStream::OnWritten(bool ok) {
  React(Role::kWriter, [ok](ConnectionState* state) { state->OnWritten(ok); });
}

void ReconnectingStream::OnReached() {
  React(Role::kMarker,
        [](ConnectionState* state) { state->OnMarkerReached(); });
}

void ReconnectingStream::OnEnded(const grpc::Status& status) {
  React(Role::kReader, [&status](ConnectionState* state) {
    state->OnCallEnded(ToStatus(status));
  });
}

void ReconnectingStream::OnTimer() {
  React(Role::kConnector, [](ConnectionState* state) { state->OnTime(); });
}

void ReconnectingStream::OnLocated(absl::StatusOr<std::string> address) {
  React(Role::kCaller, [&address](ConnectionState* state) {
    state->OnLocated(std::move(address));
  });
}

// --- What is done ----------------------------------------------------------

ReconnectingStream::Step ReconnectingStream::Decide(Role* role) {
  Step step;
  step.action = state_.NextAction(role, &output_);
  step.call = call_.get();
  if (step.action.kind == Action::Kind::kCancel) step.to_cancel = call_;
  absl::Time alarm;
  if (state_.TakeAlarm(&alarm)) timer_.Set(alarm);
  if (state_.TakeNews() && waiting_ > 0) changed_.SignalAll();
  return step;
}

void ReconnectingStream::Run(Role role, Step step) {
  while (step.action.kind != Action::Kind::kNone) {
    const Action::Kind done = step.action.kind;
    Perform(step);
    // Nothing is left to do for them.
    if (done == Action::Kind::kRelease ||
        (done == Action::Kind::kWrite && role == Role::kCaller)) {
      return;
    }
    MutexLock lock(&mutex_);
    step = Decide(&role);
  }
}

void ReconnectingStream::Perform(const Step& step) {
  switch (step.action.kind) {
    case Action::Kind::kNone:
      break;
    case Action::Kind::kFetchToken:
      MSGPROC_CHECK(token_source_ != nullptr);
      token_source_->Fetch([this](absl::StatusOr<std::string> token) {
        React(Role::kCaller, [&token](ConnectionState* state) {
          state->OnToken(std::move(token));
        });
      });
      break;
    case Action::Kind::kLocate:
      connector_.Locate(output_.failed, output_.token,
                        [this](absl::StatusOr<std::string> address) {
                          OnLocated(std::move(address));
                        });
      break;
    case Action::Kind::kConnect:
      Connect();
      break;
    case Action::Kind::kWrite:
      Write(step.call);
      break;
    case Action::Kind::kCancel:
      MSGPROC_CHECK(step.to_cancel != nullptr);
      step.to_cancel->Cancel();
      break;
    case Action::Kind::kMark:
      MSGPROC_CHECK(step.call != nullptr);
      Post(step.call->c_call());
      break;
    case Action::Kind::kEvent:
      delivery_.GiveEvent(output_.event);
      break;
    case Action::Kind::kParse: {
      MSGPROC_CHECK(step.call != nullptr);
      const wire::ResponseFrame* frame = delivery_.Parse(step.call->incoming());
      MutexLock lock(&mutex_);
      state_.OnParsed(frame, delivery_.bytes());
      break;
    }
    case Action::Kind::kResults: {
      delivery_.GiveResults(step.action.first, step.action.count);
      MutexLock lock(&mutex_);
      state_.OnDelivered();
      break;
    }
    case Action::Kind::kRead:
      delivery_.Clear();
      step.call->ReadNext();
      break;
    case Action::Kind::kRelease:
      step.call->Release();
      break;
    case Action::Kind::kDeliverOnThread:
      DeliverOnThread();
      break;
  }
}

void ReconnectingStream::Connect() {
  std::shared_ptr<ProcessCall> old;
  {
    MutexLock lock(&mutex_);
    old = std::move(call_);
  }
  const auto call =
      connector_.MakeCall(output_.address, output_.token, old.get(), this);
  // Only now: with the last channel gRPC's threads would go, too.
  old.reset();
  bool cancel = false;
  {
    MutexLock lock(&mutex_);
    cancel = state_.OnCallMade(&output_.write);
    call_ = call;
  }
  if (cancel) call->Cancel();
  call->Start(output_.write.head, &output_.write.messages);
}

void ReconnectingStream::Write(ProcessCall* call) {
  // Once it is under way, another thread may see its end and fill it again.
  MSGPROC_CHECK(call != nullptr);
  Session::Write& write = output_.write;
  if (!write.has_frame) {
    call->HalfClose();
  } else if (write.half_close) {
    call->WriteLast(write.head, &write.messages);
  } else {
    call->Write(write.head, &write.messages);
  }
}

void ReconnectingStream::DeliverOnThread() {
  std::thread([this] {
    React(Role::kDeliverer, [](ConnectionState*) {});
  }).detach();
}

}  // namespace msgproc::client
