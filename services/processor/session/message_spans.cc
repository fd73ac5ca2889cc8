#include "services/processor/session/message_spans.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/split_mix.h"
#include "services/processor/session/result_error.h"
#include "wire/coding.h"
#include "wire/entry.h"

namespace msgproc::processor {
namespace {

// Of the header that says under which span a message was processed.
constexpr size_t kResponseBytes = 13 + 55;

bool IsSet(absl::Time time) { return time != absl::InfinitePast(); }

}  // namespace

MessageSpans::MessageSpans(Options options)
    : options_(std::move(options)), seed_(options_.seed) {
  MSGPROC_CHECK(options_.sink != nullptr);
}

// Ids have to differ, not to be secret. Zero names no span.
uint64_t MessageSpans::NewId() {
  uint64_t id = 0;
  while (id == 0) id = SplitMix64(&seed_);
  return id;
}

MessageSpans::Iterator MessageSpans::From(uint64_t position) {
  return std::lower_bound(
      open_.begin(), open_.end(), position,
      [](const Open& open, uint64_t at) { return open.position < at; });
}

MessageSpans::Open* MessageSpans::Find(uint64_t position) {
  const Iterator open = From(position);
  return open != open_.end() && open->position == position ? &*open : nullptr;
}

void MessageSpans::OnAccepted(uint64_t first_position,
                              absl::Span<const wire::MessageView> messages,
                              absl::Time now) {
  uint64_t unmade = 0;
  uint64_t next_position = first_position;
  for (const wire::MessageView& message : messages) {
    const uint64_t position = next_position++;
    if (message.header_count == 0) continue;
    wire::TraceHeaders headers = wire::ReadTraceHeaders(message.headers());
    if (!headers.parent || !headers.parent->sampled) continue;
    if (open_.size() >= kMaxMessages) {
      unmade += options_.stored ? kSpansPerMessage : kSpansPerMessage - 1;
      continue;
    }
    MSGPROC_CHECK(open_.empty() || open_.back().position < position);
    Open& open = open_.emplace_back();
    open.position = position;
    open.sequence = message.sequence;
    open.parent = *headers.parent;
    open.state = std::move(headers.state);
    open.wants_response = headers.wants_response;
    open.process_id = NewId();
    open.handler_id = NewId();
    open.accepted = now;
  }
  if (unmade != 0) options_.sink->CountUnmade(unmade);
}

void MessageSpans::OnGivenOut(Batch* batch, absl::Time now) {
  batch->traced.clear();
  const uint64_t behind = batch->first_position + batch->size;
  for (Iterator open = From(batch->first_position);
       open != open_.end() && open->position < behind; ++open) {
    open->begun = now;
    TracedMessage& traced = batch->traced.emplace_back();
    traced.index = open->position - batch->first_position;
    traced.sequence = open->sequence;
    traced.context = open->parent;
    traced.context.span_id = open->handler_id;
  }
}

void MessageSpans::OnReturned(Batch* batch, absl::Time now) {
  const uint64_t behind = batch->first_position + batch->size;
  bool responses = false;
  for (const TracedMessage& traced : batch->traced) {
    const uint64_t position = batch->first_position + traced.index;
    // What is given back, unhandled, will be given out again.
    if (position >= behind) break;
    Open* const open = Find(position);
    if (open == nullptr) continue;
    if (IsSet(traced.begin)) open->begun = traced.begin;
    open->answered = IsSet(traced.end) ? traced.end : now;
    open->attempt = traced.attempt != 0 ? traced.attempt : batch->attempt;
    open->worker_pid = traced.worker_pid;
    responses = responses || open->wants_response;
  }
  // Workers that commit by themselves have the bytes that they wrote.
  if (responses && batch->committed_by_worker == 0) AddResponses(batch);
}

void MessageSpans::AddResponses(Batch* batch) {
  wire::EntryLog results;
  wire::EntryLog::Cursor cursor =
      batch->results.At(batch->results.first_position());
  for (uint64_t i = 0; i < batch->size; ++i) {
    const absl::string_view body = batch->results.Next(&cursor);
    const Open* const open = Find(batch->first_position + i);
    wire::ResultView view;
    if (open == nullptr || !open->wants_response ||
        !wire::ParseResult(body, &view) ||
        view.header_count >= wire::kMaxHeaders ||
        view.header_bytes + kResponseBytes > wire::kMaxHeaderBytes) {
      wire::AppendEncoded(&results, body);
      continue;
    }
    wire::TraceContext context = open->parent;
    context.span_id = open->process_id;
    wire::AppendEncodedWith(&results, body,
                            {wire::kTraceresponse, context.Traceparent()});
  }
  batch->results = std::move(results);
}

void MessageSpans::OnCommitted(uint64_t through, absl::Time now) {
  for (Open& open : open_) {
    if (open.position > through) break;
    if (!IsSet(open.committed)) open.committed = now;
  }
}

bool MessageSpans::OnTaken(uint64_t first_position, uint64_t results,
                           const std::vector<wire::Piece>& pieces,
                           size_t first_piece) {
  const uint64_t behind = first_position + results;
  Iterator open = From(first_position);
  if (open == open_.end() || open->position >= behind) return false;
  uint64_t position = first_position;
  for (const wire::Piece& piece :
       absl::MakeConstSpan(pieces).subspan(first_piece)) {
    wire::FieldReader reader(absl::string_view(piece.data, piece.size));
    uint32_t tag = 0;
    absl::string_view body;
    // Entries were written by this process: they are well formed.
    while (!reader.Done() && reader.ReadTag(&tag) && reader.ReadBytes(&body)) {
      if (open != open_.end() && open->position == position) {
        ReadOutcome(body, &*open++);
      }
      ++position;
    }
  }
  MSGPROC_CHECK_EQ(position, behind);
  writing_through_ = behind - 1;
  return true;
}

// Only what leaves is final: a store may have made an Error of a result.
void MessageSpans::ReadOutcome(absl::string_view result, Open* open) const {
  wire::ResultView view;
  if (!wire::ParseResult(result, &view) || !view.failed) return;
  open->failed = true;
  const absl::optional<v1::Error> error = ErrorOf(view);
  if (!error.has_value()) return;
  open->code = error->code();
  open->error = error->message();
}

void MessageSpans::OnWritten(absl::Time now) {
  std::vector<base::Span> spans;
  while (!open_.empty() && open_.front().position <= writing_through_) {
    Finish(open_.front(), now, &spans);
    open_.pop_front();
  }
  if (!spans.empty()) options_.sink->Record(std::move(spans));
}

void MessageSpans::OnRestarted(absl::Time now) {
  std::vector<base::Span> spans;
  for (Open& open : open_) {
    open.failed = true;
    open.error = "The client was gone before its result could leave.";
    Finish(open, now, &spans);
  }
  open_.clear();
  writing_through_ = 0;
  if (!spans.empty()) options_.sink->Record(std::move(spans));
}

base::Span MessageSpans::Part(const Open& open, absl::string_view name,
                              uint64_t id, absl::Time begin,
                              absl::Time end) const {
  base::Span span;
  span.name = std::string(name);
  span.context = open.parent;
  span.context.span_id = id;
  span.parent_span_id = open.process_id;
  span.trace_state = open.state;
  span.begin = begin;
  span.end = std::max(begin, end);
  return span;
}

// Parts follow one another; the first that has not ended lasts until `end`.
void MessageSpans::Finish(const Open& open, absl::Time end,
                          std::vector<base::Span>* spans) {
  base::Span process = Part(open, absl::StrCat("process ", options_.handler),
                            open.process_id, open.accepted, end);
  process.kind = base::Span::Kind::kServer;
  process.parent_span_id = open.parent.span_id;
  process.attributes = {
      {"msgproc.session", options_.session_id},
      {"msgproc.sequence", static_cast<int64_t>(open.sequence)},
      {"msgproc.handler", options_.handler}};
  process.failed = open.failed;
  process.error = open.error;
  if (open.code != 0) {
    process.attributes.emplace_back("rpc.grpc.status_code",
                                    static_cast<int64_t>(open.code));
  }
  spans->push_back(std::move(process));

  absl::Time at = open.accepted;
  // Returns whether the part has an end.
  const auto part = [&](absl::string_view name, uint64_t id, absl::Time until) {
    spans->push_back(Part(open, name, id, at, IsSet(until) ? until : end));
    at = spans->back().end;
    return IsSet(until);
  };
  if (!part("queue", NewId(), open.begun)) return;
  const bool answered = part("handler", open.handler_id, open.answered);
  base::Span& handler = spans->back();
  handler.attributes = {
      {"msgproc.attempt", static_cast<int64_t>(open.attempt)}};
  if (open.worker_pid != 0) {
    handler.attributes.emplace_back("process.pid",
                                    static_cast<int64_t>(open.worker_pid));
  }
  if (!answered) return;
  if (open.code != 0) {
    handler.failed = open.failed;
    handler.error = open.error;
  }
  if (options_.stored && !part("commit", NewId(), open.committed)) return;
  part("write", NewId(), end);
}

}  // namespace msgproc::processor
