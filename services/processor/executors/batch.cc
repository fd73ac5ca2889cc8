#include "services/processor/executors/batch.h"

#include <cstddef>
#include <exception>
#include <utility>

#include "absl/base/optimization.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/utf8.h"
#include "wire/entry.h"

namespace msgproc::processor {
namespace {

constexpr size_t kMaxErrorBytes = 1024;
// Messages that a batch keeps room for.
constexpr size_t kKeepMessages = 1024;
// And of a reply's payload.
constexpr size_t kKeepReplyBytes = 4 << 10;

bool IsRetryable(absl::StatusCode code) {
  return code == absl::StatusCode::kUnavailable ||
         code == absl::StatusCode::kAborted ||
         code == absl::StatusCode::kDeadlineExceeded ||
         code == absl::StatusCode::kResourceExhausted;
}

// Asks whether a batch's results are wanted, for the handler.
class BatchCancellation final : public Cancellation {
 public:
  explicit BatchCancellation(const Batch& batch) : batch_(batch) {}
  bool cancelled() const override { return !batch_.Wanted(); }

 private:
  const Batch& batch_;
};

// The call of a handler for a traced message, or for none.
class CallTrace {
 public:
  CallTrace(TracedMessage* traced, HandlerContext* context)
      : traced_(traced), context_(context) {
    if (ABSL_PREDICT_TRUE(traced_ == nullptr)) return;
    context_->SetTrace(&traced_->context);
    traced_->begin = Clock::Monotonic()->Now();
  }
  ~CallTrace() {
    if (ABSL_PREDICT_TRUE(traced_ == nullptr)) return;
    traced_->end = Clock::Monotonic()->Now();
    context_->SetTrace(nullptr);
  }
  CallTrace(const CallTrace&) = delete;
  CallTrace& operator=(const CallTrace&) = delete;

 private:
  TracedMessage* const traced_;
  HandlerContext* const context_;
};

absl::Status CallHandler(Handler* handler, const HandlerContext& context,
                         const Message& message, Reply* reply) {
  try {
    return handler->Handle(context, message, reply);
  } catch (const std::exception& e) {
    return absl::InternalError(absl::StrCat("The handler threw: ", e.what()));
  } catch (...) {
    return absl::InternalError("The handler threw something unknown.");
  }
}

// What is wrong with a reply that Fits does not pass.
absl::Status JudgeReply(const HandlerBinding& binding, const Reply& reply) {
  if (reply.payload().size() > binding.max_payload_bytes) {
    return absl::OutOfRangeError(absl::StrCat(
        "The result has ", reply.payload().size(), " bytes; at most ",
        binding.max_payload_bytes, " are allowed."));
  }
  size_t header_bytes = 0;
  for (const auto& [key, value] : reply.headers()) {
    header_bytes += key.size() + value.size();
    if (!IsUtf8(key)) {
      return absl::InternalError(
          absl::StrCat("The result has a header whose key is not UTF-8: ",
                       TruncateUtf8(key, 64), "."));
    }
  }
  if (header_bytes > wire::kMaxHeaderBytes) {
    return absl::OutOfRangeError(absl::StrCat(
        "The result's headers have ", header_bytes, " bytes; at most ",
        wire::kMaxHeaderBytes, " are allowed."));
  }
  if (reply.headers().size() > wire::kMaxHeaders) {
    return absl::OutOfRangeError(
        absl::StrCat("The result has ", reply.headers().size(),
                     " headers; at most ", wire::kMaxHeaders, " are allowed."));
  }
  return absl::OkStatus();
}

// Nearly every reply: looked at inline, since each one is.
bool Fits(const HandlerBinding& binding, const Reply& reply) {
  return reply.headers().empty() &&
         reply.payload().size() <= binding.max_payload_bytes;
}

absl::Status CheckReply(const HandlerBinding& binding, const Reply& reply) {
  return ABSL_PREDICT_TRUE(Fits(binding, reply)) ? absl::OkStatus()
                                                 : JudgeReply(binding, reply);
}

void AppendReply(wire::EntryLog* results, uint64_t sequence,
                 const Reply& reply) {
  if (reply.headers().empty()) {
    wire::AppendResult(results, sequence, reply.payload());
    return;
  }
  std::vector<wire::HeaderView> headers;
  headers.reserve(reply.headers().size());
  for (const auto& [key, value] : reply.headers()) {
    headers.push_back({key, value});
  }
  wire::AppendResult(results, sequence, reply.payload(), headers);
}

}  // namespace

absl::Status TooLarge(const HandlerBinding& binding, const Message& message) {
  return absl::InvalidArgumentError(absl::StrCat(
      "The payload has ", message.payload.size(), " bytes; the handler '",
      binding.name, "' takes at most ", binding.traits.max_payload_bytes, "."));
}

void AppendFailure(wire::EntryLog* results, uint64_t sequence,
                   const absl::Status& status) {
  wire::AppendError(results, sequence, static_cast<int>(status.code()),
                    TruncateUtf8(status.message(), kMaxErrorBytes),
                    IsRetryable(status.code()));
}

void AppendOutcome(Batch* batch, uint64_t sequence, absl::Status status,
                   const Reply& reply) {
  if (status.ok()) status = CheckReply(*batch->binding, reply);
  if (status.ok()) {
    batch->payload_bytes += reply.payload().size();
    AppendReply(&batch->results, sequence, reply);
    return;
  }
  ++batch->failed;
  AppendFailure(&batch->results, sequence, status);
}

void Batch::ParsePieces() {
  if (pieces.empty()) return;
  parsed_.clear();
  for (const wire::Piece& piece : pieces) {
    wire::FieldReader reader(absl::string_view(piece.data, piece.size));
    uint32_t tag;
    absl::string_view body;
    // Entries were written by this process: they are well formed.
    while (!reader.Done() && reader.ReadTag(&tag) && reader.ReadBytes(&body)) {
      wire::ParseMessage(body, &parsed_.emplace_back());
    }
  }
  messages = parsed_;
}

void Batch::Clear() {
  messages = {};
  traced.clear();
  parsed_.clear();
  if (parsed_.capacity() > kKeepMessages) parsed_.shrink_to_fit();
  pieces.clear();
  ClearResults();
  if (reply_.mutable_payload()->capacity() > kKeepReplyBytes) reply_ = Reply();
  size = 0;
}

void Batch::ClearResults() {
  results.Reset(1);
  effects.clear();
  failed = 0;
  payload_bytes = 0;
  committed = false;
  committed_by_worker = 0;
  given_back.clear();
}

void Batch::Done(std::unique_ptr<Batch> batch) {
  const std::shared_ptr<BatchOwner> owner = std::move(batch->owner);
  MSGPROC_CHECK(owner != nullptr);
  MSGPROC_CHECK_EQ(
      batch->results.next_position() - batch->results.first_position(),
      batch->size);
  owner->OnBatchDone(std::move(batch));
}

bool RunHandler(Batch* batch, const std::atomic<bool>* stop,
                MessageScope* scope) {
  MSGPROC_CHECK(batch->binding != nullptr);
  HandlerBinding& binding = *batch->binding;
  MSGPROC_CHECK(binding.handler != nullptr);
  const absl::Time begin = Clock::Monotonic()->Now();
  const BatchCancellation cancellation(*batch);
  HandlerContext context(
      {.session = batch->context.get(),
       .handler = binding.name,
       .attempt = batch->attempt,
       .idempotency_scope = batch->idempotency_scope,
       .cancellation = &cancellation,
       .transaction = scope == nullptr ? nullptr : scope->transaction(),
       .deadline = begin + batch->handler_timeout});
  Reply& reply = batch->reply_;
  reply.Clear();
  TracedCursor traced(&batch->traced);
  for (const wire::MessageView& message : batch->messages) {
    if (stop != nullptr &&
        (stop->load(std::memory_order_relaxed) || !batch->Wanted())) {
      return false;
    }
    const CallTrace trace(traced.Next(), &context);
    context.MoveTo(message.sequence);
    if (scope != nullptr) scope->Begin();
    absl::Status status = CheckMessage(binding, message);
    if (status.ok()) {
      status = CallHandler(binding.handler, context, message, &reply);
    }
    if (scope != nullptr) {
      // A result that cannot leave undoes what was done for it.
      if (status.ok()) status = CheckReply(binding, reply);
      if (!scope->End(&status)) return false;
    }
    AppendOutcome(batch, message.sequence, std::move(status), reply);
    reply.Clear();
  }
  if (scope != nullptr && !scope->EndBatch()) return false;
  batch->handler_time = Clock::Monotonic()->Now() - begin;
  if (batch->messages.empty()) return true;
  NoteHandlerTime(&binding, batch->handler_time, batch->messages.size());
  return true;
}

void NoteHandlerTime(HandlerBinding* binding, absl::Duration time,
                     uint64_t messages) {
  MSGPROC_CHECK_GT(messages, 0u);
  const int64_t now =
      absl::ToInt64Nanoseconds(time) / static_cast<int64_t>(messages);
  const int64_t before =
      binding->message_nanoseconds.load(std::memory_order_relaxed);
  binding->message_nanoseconds.store(
      before == 0 ? now + 1 : before + (now - before) / 8,
      std::memory_order_relaxed);
}

}  // namespace msgproc::processor
