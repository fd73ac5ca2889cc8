#include "client/outbox_stream.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/memory/memory.h"
#include "client/callback_scope.h"
#include "client/outbox_error.h"
#include "client/session_open.h"
#include "common/check.h"
#include "common/clock.h"
#include "sqlite/database.h"

namespace msgproc::client {
namespace {

absl::Time Now() { return Clock::Monotonic()->Now(); }

KeptMessage Copy(absl::string_view payload,
                 absl::Span<const wire::HeaderView> headers) {
  KeptMessage message{.payload = std::string(payload)};
  for (const wire::HeaderView& header : headers) {
    message.headers.emplace_back(header.key, header.value);
  }
  return message;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MessageStream>> OutboxStream::Open(
    MessageStreamOptions options, std::unique_ptr<AddressSource> source) {
  std::error_code error;
  const std::string path =
      std::filesystem::absolute(options.outbox, error).string();
  if (error) {
    return OutboxOpenError(options.outbox,
                           absl::FailedPreconditionError(error.message()));
  }
  auto file = OutboxFile::Open({.path = path}, NewSession(options),
                               {.id = !options.session_id.empty(),
                                .token = !options.session_token.empty()});
  if (!file.ok()) return file.status();
  const KeptSession session = (*file)->TakeSession();
  return absl::WrapUnique<MessageStream>(new OutboxStream(
      std::move(options), std::move(source), *std::move(file), session));
}

OutboxStream::OutboxStream(MessageStreamOptions options,
                           std::unique_ptr<AddressSource> source,
                           std::unique_ptr<OutboxFile> file,
                           const KeptSession& session)
    : options_(std::move(options)), file_(std::move(file)), state_(session) {
  // Callbacks may come before it is assigned, and do not use it.
  stream_ = std::make_unique<ReconnectingStream>(Noting(options_),
                                                 std::move(source), &session);
  writer_ = std::thread([this] { Write(); });
}

OutboxStream::~OutboxStream() {
  stream_->Cancel();
  // No callback follows: what they have noted is written, and no more.
  stream_->Close(absl::InfiniteDuration()).IgnoreError();
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    state_.Hurry();
    to_write_.Signal();
  }
  writer_.join();
}

MessageStreamOptions OutboxStream::Noting(const MessageStreamOptions& options) {
  MessageStreamOptions noting = options;
  if (options.on_result) {
    noting.on_result = [this](const Result& result) {
      options_.on_result(result);
      OnDelivered(result.sequence);
    };
  } else {
    noting.on_results = [this](absl::Span<const Result> results) {
      options_.on_results(results);
      OnDelivered(results.back().sequence);
    };
  }
  noting.on_event = [this](const StreamEvent& event) { OnEvent(event); };
  return noting;
}

void OutboxStream::OnDelivered(uint64_t through) {
  MutexLock lock(&mutex_);
  state_.OnDelivered(through, Now());
  to_write_.Signal();
}

void OutboxStream::OnEvent(StreamEvent event) {
  if (event.kind == StreamEvent::Kind::kConnected) {
    MutexLock lock(&mutex_);
    state_.OnWelcome(event.store_generation);
    to_write_.Signal();
  }
  event.status = OutboxStreamStatus(file_->path(), std::move(event.status));
  if (options_.on_event) options_.on_event(event);
}

absl::Status OutboxStream::WaitUntilConnected(absl::Duration timeout) {
  return WhyNotSent(stream_->WaitUntilConnected(timeout));
}

// FAILED_PRECONDITION is that of a Send after Close, too.
absl::Status OutboxStream::WhyNotSent(const absl::Status& why) const {
  return absl::IsDataLoss(why) ? OutboxStreamStatus(file_->path(), why) : why;
}

absl::StatusOr<uint64_t> OutboxStream::Send(
    absl::string_view payload, absl::Span<const wire::HeaderView> headers,
    absl::Duration timeout) {
  absl::StatusOr<uint64_t> sent = stream_->TrySend(payload, headers);
  if (absl::IsResourceExhausted(sent.status())) {
    Hurry();
    if (timeout > absl::ZeroDuration()) {
      sent = stream_->Send(payload, headers, timeout);
    }
  }
  if (!sent.ok()) return WhyNotSent(sent.status());
  Take(*sent, {Copy(payload, headers)});
  if (CallbackScope::Current() != nullptr || timeout <= absl::ZeroDuration()) {
    return sent;
  }
  const absl::Status kept = WaitUntilKept(*sent);
  return kept.ok() ? sent : kept;
}

absl::StatusOr<MessageStream::SentBatch> OutboxStream::TrySendBatch(
    absl::Span<const absl::string_view> payloads) {
  const absl::StatusOr<SentBatch> sent = stream_->TrySendBatch(payloads);
  if (sent.ok() ? sent->count < payloads.size()
                : absl::IsResourceExhausted(sent.status())) {
    Hurry();
  }
  if (!sent.ok()) return WhyNotSent(sent.status());
  std::vector<KeptMessage> messages;
  for (const absl::string_view payload : payloads.first(sent->count)) {
    messages.push_back(Copy(payload, {}));
  }
  Take(sent->first_sequence, std::move(messages));
  return sent;
}

void OutboxStream::Hurry() {
  MutexLock lock(&mutex_);
  state_.Hurry();
  to_write_.Signal();
}

void OutboxStream::Take(uint64_t first, std::vector<KeptMessage> messages) {
  if (messages.empty()) return;
  MutexLock lock(&mutex_);
  state_.OnTaken(first, messages.size());
  for (KeptMessage& message : messages) {
    taken_.emplace(first++, std::move(message));
  }
  to_write_.Signal();
}

absl::Status OutboxStream::WaitUntilKept(uint64_t sequence) {
  MutexLock lock(&mutex_);
  while (!state_.IsKept(sequence) && state_.status().ok()) {
    written_.Wait(&mutex_);
  }
  return state_.IsKept(sequence) ? absl::OkStatus() : state_.status();
}

absl::Status OutboxStream::Close(absl::Duration timeout) {
  // From here on no message is taken.
  stream_->Close(absl::ZeroDuration()).IgnoreError();
  const uint64_t last = stream_->next_sequence() - 1;
  {
    MutexLock lock(&mutex_);
    state_.OnClosed(last);
    state_.Hurry();
    to_write_.Signal();
  }
  return OutboxStreamStatus(file_->path(), stream_->Close(timeout));
}

bool OutboxStream::NextGroup(OutboxState::Group* group,
                             std::vector<KeptMessage>* messages) {
  MutexLock lock(&mutex_);
  for (absl::Time now = Now(); !state_.NextGroup(now, group); now = Now()) {
    if (stopping_) return false;
    to_write_.WaitFor(&mutex_, state_.Due() - now);
  }
  messages->clear();
  for (uint64_t left = group->messages(); left > 0; --left) {
    MSGPROC_CHECK(!taken_.empty());
    messages->push_back(std::move(taken_.begin()->second));
    taken_.erase(taken_.begin());
  }
  return true;
}

void OutboxStream::Write() {
  OutboxState::Group group;
  std::vector<KeptMessage> messages;
  while (NextGroup(&group, &messages)) {
    const absl::Status status = file_->Write(group, messages);
    KeptThrough kept;
    {
      MutexLock lock(&mutex_);
      if (status.ok()) {
        state_.OnWritten();
      } else {
        state_.OnFailed(status);
      }
      kept = state_.kept();
      written_.SignalAll();
    }
    if (status.ok()) {
      stream_->OnKept(kept);
    } else {
      stream_->Fail(status);
    }
  }
}

}  // namespace msgproc::client
