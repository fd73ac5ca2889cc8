#include "client/reconnecting_stream.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/callback_scope.h"
#include "client/random.h"
#include "common/clock.h"
#include "common/utf8.h"
#include "msgproc/v1/processor.pb.h"

// What callers call. reconnecting_stream_call.cc has the way of the calls,
// reconnecting_stream_delivery.cc what is done with what they bring.
namespace msgproc::client {
namespace {

constexpr size_t kSessionIdBytes = 16;
constexpr size_t kSessionTokenBytes = 32;

absl::Time Now() { return Clock::Monotonic()->Now(); }

// What the server would end the whole stream for.
absl::Status CheckHeaders(absl::Span<const wire::HeaderView> headers) {
  if (headers.size() > wire::kMaxHeaders) {
    return absl::InvalidArgumentError(
        absl::StrCat("the message has ", headers.size(), " headers; at most ",
                     wire::kMaxHeaders, " are allowed"));
  }
  size_t bytes = 0;
  for (const wire::HeaderView& header : headers) {
    bytes += header.key.size() + header.value.size();
    if (!IsUtf8(header.key)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the header key '", absl::CHexEscape(header.key.substr(0, 64)),
          "' is not UTF-8"));
    }
  }
  if (bytes > wire::kMaxHeaderBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the message's headers have ", bytes,
                     " bytes, keys and values "
                     "together; at most ",
                     wire::kMaxHeaderBytes, " are allowed"));
  }
  return absl::OkStatus();
}

Session::Options SessionOptions(const MessageStreamOptions& options) {
  v1::Open open;
  open.set_session_id(options.session_id.empty() ? RandomHex(kSessionIdBytes)
                                                 : options.session_id);
  open.set_session_token(options.session_token.empty()
                             ? RandomBytes(kSessionTokenBytes)
                             : options.session_token);
  open.set_client_name(options.client_name);
  open.set_handler(options.handler);
  open.set_instance(RandomNumber() | 1);  // 0 would be none.
  return {.open = open.SerializeAsString(),
          .limits = {.messages = options.max_outstanding_messages,
                     .bytes = options.max_outstanding_bytes,
                     .batch_messages = options.max_batch_messages},
          .connect_timeout = options.connect_timeout};
}

}  // namespace

ReconnectingStream::ReconnectingStream(MessageStreamOptions options,
                                       std::unique_ptr<AddressSource> source)
    : options_(std::move(options)),
      session_(SessionOptions(options_)),
      policy_({.initial_backoff = options_.initial_backoff,
               .max_backoff = options_.max_backoff,
               .give_up_after = options_.give_up_after},
              Now()),
      connect_at_(Now()),
      source_(std::move(source)),
      timer_([this] { OnTimer(); }) {
  MutexLock lock(&mutex_);
  Proceed();
}

ReconnectingStream::~ReconnectingStream() {
  Cancel();
  MutexLock lock(&mutex_);
  while (!Finished()) changed_.Wait(&mutex_);
}

absl::Status ReconnectingStream::WaitUntilConnected(absl::Duration timeout) {
  const absl::Time deadline = Now() + timeout;
  MutexLock lock(&mutex_);
  ++waiting_;
  absl::Status status;
  while (!session_.window().connected()) {
    if (phase_ == Phase::kEnded) {
      status =
          status_.ok()
              ? absl::FailedPreconditionError("the stream was closed before")
              : status_;
      break;
    }
    const absl::Duration left = deadline - Now();
    if (left <= absl::ZeroDuration() || CallbackScope::Current() != nullptr) {
      status = absl::DeadlineExceededError(
          absl::StrCat("no server answered within ",
                       absl::FormatDuration(timeout), LastFailure()));
      break;
    }
    changed_.WaitFor(&mutex_, left);
  }
  --waiting_;
  return status;
}

std::string ReconnectingStream::LastFailure() const {
  return last_failure_.ok() ? ""
                            : absl::StrCat("; the last attempt ended ",
                                           last_failure_.ToString());
}

bool ReconnectingStream::MaySend(absl::string_view payload) const {
  return !closing_ && !cancelled_ && phase_ != Phase::kEnded &&
         payload.size() <= session_.max_payload_bytes();
}

absl::Status ReconnectingStream::WhyNotSend(absl::string_view payload) const {
  if (phase_ == Phase::kEnded && !status_.ok()) return status_;
  if (cancelled_) return absl::CancelledError("the stream was cancelled");
  if (closing_) {
    return absl::FailedPreconditionError(
        "Send after Close: open another stream");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("a payload of ", payload.size(),
                   " bytes is over the server's max_payload_bytes of ",
                   session_.max_payload_bytes()));
}

absl::StatusOr<uint64_t> ReconnectingStream::Send(
    absl::string_view payload, absl::Span<const wire::HeaderView> headers,
    absl::Duration timeout) {
  if (absl::Status status = CheckHeaders(headers); !status.ok()) return status;
  MutexLock lock(&mutex_);
  if (!MaySend(payload)) return WhyNotSend(payload);
  uint64_t sequence = session_.TryAppend(payload, headers);
  if (sequence == 0) {
    absl::StatusOr<uint64_t> waited = WaitToAppend(payload, headers, timeout);
    if (!waited.ok()) return waited;
    sequence = *waited;
  }
  OnAppended();
  return sequence;
}

absl::StatusOr<MessageStream::SentBatch> ReconnectingStream::TrySendBatch(
    absl::Span<const absl::string_view> payloads) {
  SentBatch sent;
  if (payloads.empty()) return sent;
  MutexLock lock(&mutex_);
  sent.first_sequence = session_.window().next_sequence();
  while (sent.count < payloads.size() && MaySend(payloads[sent.count]) &&
         session_.TryAppend(payloads[sent.count], {}) != 0) {
    ++sent.count;
  }
  if (sent.count == 0) {
    return MaySend(payloads[0]) ? WindowFull() : WhyNotSend(payloads[0]);
  }
  OnAppended();
  return sent;
}

// What a callback sends leaves together once its frame is delivered; what
// others send must not wait for that.
void ReconnectingStream::OnAppended() {
  const bool inside = CallbackScope::Current() == this;
  if (inside && !session_.window().frame_full()) return;
  if (!writing_) WriteNext();
  if (!inside && session_.window().unsent() > 0) waits_for_write_ = true;
}

absl::Status ReconnectingStream::WindowFull() const {
  return absl::ResourceExhaustedError(
      absl::StrCat("the window is full: ", session_.window().outstanding(),
                   " messages have no result yet"));
}

absl::StatusOr<uint64_t> ReconnectingStream::WaitToAppend(
    absl::string_view payload, absl::Span<const wire::HeaderView> headers,
    absl::Duration timeout) {
  if (CallbackScope::Current() != nullptr || timeout <= absl::ZeroDuration()) {
    return WindowFull();
  }
  const absl::Time deadline = Now() + timeout;
  ++waiting_;
  absl::StatusOr<uint64_t> sequence = 0;
  while (sequence.ok() && *sequence == 0) {
    const absl::Duration left = deadline - Now();
    if (left <= absl::ZeroDuration()) {
      sequence = absl::DeadlineExceededError(absl::StrCat(
          "the window stayed full for ", absl::FormatDuration(timeout), ": ",
          session_.window().outstanding(), " messages have no result yet"));
      break;
    }
    changed_.WaitFor(&mutex_, left);
    if (MaySend(payload)) {
      sequence = session_.TryAppend(payload, headers);
    } else {
      sequence = WhyNotSend(payload);
    }
  }
  --waiting_;
  return sequence;
}

absl::Status ReconnectingStream::Close(absl::Duration timeout) {
  const absl::Time deadline = Now() + timeout;
  MutexLock lock(&mutex_);
  if (!closing_) {
    closing_ = true;
    session_.Close();
    changed_.SignalAll();
    if (phase_ == Phase::kCalling) {
      if (CallbackScope::Current() != this) WriteNext();
    } else if (phase_ != Phase::kEnded && session_.window().drained()) {
      End(absl::OkStatus());
    }
  }
  if (CallbackScope::Current() != nullptr) return absl::OkStatus();
  ++waiting_;
  while (!Finished()) {
    const absl::Duration left = deadline - Now();
    if (left <= absl::ZeroDuration()) break;
    changed_.WaitFor(&mutex_, left);
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
  absl::Status why = absl::CancelledError("the stream was cancelled");
  if (phase_ == Phase::kCalling) {
    Break(std::move(why));
  } else {
    End(std::move(why));
  }
}

uint64_t ReconnectingStream::outstanding() const {
  MutexLock lock(&mutex_);
  return session_.window().next_sequence() - 1 - delivered_;
}

}  // namespace msgproc::client
