#include "services/processor/workers/response_tracker.h"

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/utf8.h"
#include "services/processor/executors/batch.h"
#include "services/processor/executors/traced_message.h"
#include "services/processor/handlers/message_effects.h"
#include "wire/coding.h"
#include "wire/entry.h"

namespace msgproc::processor {
namespace {

using wire::FieldReader;
using wire::Tag;
using wire::WireType;

// What a result may take beside its payload: headers, tags, lengths.
constexpr size_t kMaxOverhead = 2 * wire::kMaxHeaderBytes;
constexpr uint32_t kResultTag = Tag(2, WireType::kLengthDelimited);

absl::Status Unreadable() {
  return absl::InvalidArgumentError("an answer cannot be parsed");
}

absl::Status TooLarge(absl::string_view what, size_t bytes, size_t most) {
  return absl::OutOfRangeError(absl::StrCat("The result", what, " ", bytes,
                                            " bytes; at most ", most,
                                            " are allowed."));
}

// Copies encoded entries to a log, those that stand side by side at once.
// Nothing else is to be appended between Add and Flush.
class EntryCopier {
 public:
  explicit EntryCopier(wire::EntryLog* log) : log_(log) {}
  ~EntryCopier() { Flush(); }
  EntryCopier(const EntryCopier&) = delete;
  EntryCopier& operator=(const EntryCopier&) = delete;

  // An entry with its tag and length, and the body in it.
  void Add(absl::string_view entry, absl::string_view body) {
    if (static_cast<uint8_t>(entry[0]) != kResultTag) {
      Flush();  // A tag longer than it need be.
      wire::AppendEncoded(log_, body);
      return;
    }
    if (entries_ > 0 && begin_ + bytes_ != entry.data()) Flush();
    if (entries_ == 0) begin_ = entry.data();
    bytes_ += entry.size();
    ++entries_;
  }

  void Flush() {
    if (entries_ == 0) return;
    std::memcpy(log_->Append(bytes_, entries_), begin_, bytes_);
    bytes_ = 0;
    entries_ = 0;
  }

 private:
  wire::EntryLog* const log_;
  const char* begin_ = nullptr;
  size_t bytes_ = 0;
  uint64_t entries_ = 0;
};

// What a result says if it is an error, in a form that every client can read.
struct Failure {
  absl::Status status;
  bool retryable = false;
  // The worker's own Error, which clients can read as it stands.
  bool can_stand = false;
};

Failure WorkersError(absl::string_view body) {
  uint64_t code = 0;
  uint64_t retryable = 0;
  absl::string_view text;
  FieldReader reader(body);
  bool ok = true;
  while (ok && !reader.Done()) {
    uint32_t tag = 0;
    ok = reader.ReadTag(&tag);
    if (!ok) break;
    if (tag == Tag(1, WireType::kVarint)) {
      ok = reader.ReadVarint(&code);
    } else if (tag == Tag(2, WireType::kLengthDelimited)) {
      ok = reader.ReadBytes(&text);
    } else if (tag == Tag(3, WireType::kVarint)) {
      ok = reader.ReadVarint(&retryable);
    } else {
      ok = reader.Skip(tag);
    }
  }
  if (!ok || !IsUtf8(text)) {
    return {absl::InternalError(
        "The handler failed, and its worker's Error cannot be read.")};
  }
  const bool known = code > 0 && code <= 16;
  return {absl::Status(known ? static_cast<absl::StatusCode>(code)
                             : absl::StatusCode::kUnknown,
                       text),
          retryable != 0, known};
}

Failure FailureOf(const wire::ResultView& result, size_t max_payload_bytes) {
  if (result.failed) return WorkersError(result.error);
  if (result.payload.size() > max_payload_bytes) {
    return {TooLarge(" has", result.payload.size(), max_payload_bytes)};
  }
  const size_t overhead = result.body.size() - result.payload.size();
  if (overhead > kMaxOverhead || result.header_bytes > wire::kMaxHeaderBytes) {
    return {TooLarge("'s headers have", overhead, wire::kMaxHeaderBytes)};
  }
  if (result.header_count > wire::kMaxHeaders) {
    return {absl::OutOfRangeError(absl::StrCat(
        "The result has ", result.header_count, " headers; at most ",
        wire::kMaxHeaders, " are allowed."))};
  }
  if (!result.keys_are_utf8) {
    return {absl::InternalError("A key of the result's headers is not UTF-8.")};
  }
  return {};
}

// Takes what a message does to the store along with its result, unless that
// has failed and undoes it.
void TakeEffects(uint64_t sequence, FrameEffects* effects, Batch* batch,
                 Failure* failure) {
  const auto taken = effects->extract(sequence);
  if (taken.empty() || taken.mapped().statements.empty()) return;
  if (!failure->status.ok()) return;
  if (batch->owner == nullptr || batch->owner->commits() == nullptr) {
    failure->status = absl::FailedPreconditionError(absl::StrCat(
        "The worker of handler '", batch->binding->name,
        "' returned statements for a session store, and this session is in "
        "memory: the server needs one (--session_store), and the session a "
        "session_id and a session_token of the client's own."));
    return;
  }
  batch->effects.push_back(
      std::make_shared<const MessageEffects>(std::move(taken.mapped())));
}

// What a worker has committed by itself cannot become an Error any more: it
// must be what clients can read.
absl::Status CheckCommitted(uint64_t sequence, const Failure& failure,
                            const FrameEffects& effects) {
  if (effects.count(sequence) > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("message ", sequence,
                     " has effects, and the worker commits by itself"));
  }
  if (failure.status.ok() || failure.can_stand) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the worker has committed a result of message ", sequence,
                   " that no client may get: ", failure.status.message()));
}

}  // namespace

void ResponseTracker::Expect(const Expected& expected, absl::Time now) {
  MSGPROC_CHECK(expected.work != nullptr && expected.work->batch != nullptr);
  MSGPROC_CHECK_GT(expected.messages, 0u);
  if (expected_.empty()) since_ = now;
  expected_.push_back(expected);
}

void ResponseTracker::Answered(uint64_t messages, absl::Duration handler_time,
                               absl::Time now) {
  if (messages == 0) return;
  MSGPROC_CHECK(!expected_.empty());
  Expected& expected = expected_.front();
  MSGPROC_CHECK_LE(messages, expected.messages);
  Batch* batch = expected.work->batch.get();
  if (handler_time <= absl::ZeroDuration()) handler_time = now - since_;
  batch->handler_time += handler_time;
  busy_ += handler_time;
  NoteHandlerTime(batch->binding, handler_time, messages);
  since_ = now;
  const uint64_t results =
      batch->results.next_position() - batch->results.first_position();
  ForTraced(&batch->traced, results - messages, messages,
            [now](TracedMessage* traced) { traced->end = now; });
  answered_.push_back(messages);
  expected.messages -= messages;
  if (expected.messages == 0) expected_.pop_front();
}

// Whether the result's turn has come; moves on to the next message.
absl::Status ResponseTracker::TakeTurn(absl::string_view body,
                                       wire::ResultView* result) {
  if (!wire::ParseResult(body, result)) return Unreadable();
  WorkerBatch* work = expected_.front().work;
  MessageCursor next = work->unanswered;
  const uint64_t expected = SequenceOf(next.Next(work->pieces));
  if (result->sequence != expected) {
    return absl::InvalidArgumentError(
        absl::StrCat("a result has sequence ", result->sequence,
                     "; it is message ", expected, "'s turn"));
  }
  work->unanswered = next;
  return absl::OkStatus();
}

absl::Status ResponseTracker::AnswerResults(absl::string_view frame,
                                            uint64_t expected,
                                            FrameEffects* effects,
                                            uint64_t* answered) {
  Batch* batch = expected_.front().work->batch.get();
  const size_t max_payload_bytes = batch->binding->max_payload_bytes;
  EntryCopier copier(&batch->results);
  FieldReader reader(frame);
  while (!reader.Done()) {
    const char* const begin = reader.at();
    uint32_t tag = 0;
    if (!reader.ReadTag(&tag)) return Unreadable();
    if (tag != kResultTag) {
      if (!reader.Skip(tag)) return Unreadable();
      continue;
    }
    absl::string_view body;
    if (!reader.ReadBytes(&body)) return Unreadable();
    if (*answered == expected) {
      return absl::InvalidArgumentError(absl::StrCat(
          "an answer has more results than the ", expected, " still owed"));
    }
    wire::ResultView result;
    const MessageCursor turn = expected_.front().work->unanswered;
    absl::Status status = TakeTurn(body, &result);
    if (!status.ok()) return status;
    Failure failure = FailureOf(result, max_payload_bytes);
    if (batch->binding->traits.workers_commit) {
      status = CheckCommitted(result.sequence, failure, *effects);
      if (!status.ok()) {
        expected_.front().work->unanswered = turn;
        return status;
      }
      if (result.failed) ++batch->failed;
      failure.status = absl::OkStatus();
    } else if (!effects->empty()) {
      TakeEffects(result.sequence, effects, batch, &failure);
    }
    ++*answered;
    if (failure.status.ok()) {
      batch->payload_bytes += result.payload.size();
      copier.Add(
          absl::string_view(begin, static_cast<size_t>(reader.at() - begin)),
          body);
    } else {
      copier.Flush();
      AppendError(batch, result.sequence, failure.status, failure.retryable);
    }
  }
  if (effects->empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("an answer has effects of message ", effects->begin()->first,
                   ", and no result of it"));
}

absl::Status ResponseTracker::AnswerFrame(uint64_t batch_id,
                                          absl::string_view frame,
                                          absl::Duration handler_time,
                                          absl::Time now,
                                          FrameEffects effects) {
  if (expected_.empty() || batch_id != Oldest().batch_id) {
    const std::string turn = expected_.empty()
                                 ? "nobody"
                                 : absl::StrCat("batch ", Oldest().batch_id);
    return absl::InvalidArgumentError(absl::StrCat(
        "batch ", batch_id, " is answered; it is ", turn, "'s turn"));
  }
  uint64_t answered = 0;
  const absl::Status status =
      AnswerResults(frame, Oldest().messages, &effects, &answered);
  Answered(answered, handler_time, now);
  if (status.ok() && answered == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("an answer to batch ", batch_id, " has no results"));
  }
  return status;
}

void ResponseTracker::AnswerPayload(absl::string_view payload, absl::Time now) {
  WorkerBatch* work = Oldest().work;
  Batch* batch = work->batch.get();
  if (payload.size() > batch->binding->max_payload_bytes) {
    AnswerTooLarge(payload.size(), now);
    return;
  }
  batch->payload_bytes += payload.size();
  wire::AppendResult(&batch->results,
                     SequenceOf(work->unanswered.Next(work->pieces)), payload);
  AnswerNext(now);
}

void ResponseTracker::AnswerTooLarge(size_t bytes, absl::Time now) {
  WorkerBatch* work = Oldest().work;
  Batch* batch = work->batch.get();
  AppendError(batch, SequenceOf(work->unanswered.Next(work->pieces)),
              TooLarge(" has", bytes, batch->binding->max_payload_bytes),
              false);
  AnswerNext(now);
}

void ResponseTracker::AnswerNext(absl::Time now) {
  if (++unsettled_ == Oldest().messages) Settle(now);
}

void ResponseTracker::Settle(absl::Time now) {
  Answered(std::exchange(unsettled_, 0), absl::ZeroDuration(), now);
}

}  // namespace msgproc::processor
