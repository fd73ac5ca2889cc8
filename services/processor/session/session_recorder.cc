#include "services/processor/session/session_recorder.h"

#include <utility>

#include "absl/random/random.h"
#include "common/check.h"
#include "services/base/log.h"

namespace msgproc::processor {
namespace {

using Kind = SessionEvent::Kind;

std::unique_ptr<MessageSpans> NewSpans(const HandlerBinding& binding,
                                       const std::string& session_id,
                                       bool stored) {
  if (binding.spans == nullptr) return nullptr;
  absl::BitGen random;
  return std::make_unique<MessageSpans>(
      MessageSpans::Options{.sink = binding.spans,
                            .session_id = session_id,
                            .handler = binding.name,
                            .stored = stored,
                            .seed = absl::Uniform<uint64_t>(random)});
}

Kind KindOf(bool taken_over, Session::State state) {
  if (state == Session::State::kLost) return Kind::kLost;
  if (taken_over) return Kind::kTakenOver;
  return state == Session::State::kResumed ? Kind::kResumed : Kind::kOpened;
}

void LogEvent(absl::string_view session_id, absl::string_view trace_id,
              const SessionEvent& event) {
  base::Log(base::LogLevel::kDebug, DescriptionOf(event.kind),
            {{"session", session_id},
             {"trace_id", trace_id},
             {"first", event.first},
             {"through", event.through},
             {"failed", event.failed},
             {"code", event.code},
             {"why", event.text}});
}

}  // namespace

SessionRecorder::SessionRecorder(const HandlerBinding& binding,
                                 const std::string& session_id, bool stored,
                                 const Clock* clock)
    : session_id_(session_id),
      clock_(clock),
      spans_(NewSpans(binding, session_id, stored)),
      story_({.begun = clock->Now(), .changed = clock->Now()}) {}

SessionRecorder::Watch* SessionRecorder::MakeWatch(const Session& session) {
  if (watch_ == nullptr) {
    watch_ = std::make_unique<Watch>(
        Watch{.acknowledged = session.received_through(),
              .committed = session.committed_through()});
  }
  return watch_.get();
}

void SessionRecorder::EndWatchUnlessTold() {
  if (watch_ != nullptr && watch_->trace == nullptr && !watch_->log) {
    watch_.reset();
  }
}

void SessionRecorder::Follow(std::shared_ptr<LiveTrace> trace,
                             const Session& session) {
  MSGPROC_CHECK(trace != nullptr);
  MakeWatch(session)->trace = std::move(trace);
}

bool SessionRecorder::LogEvents(bool log, const Session& session,
                                const SessionContext* stream) {
  Watch* const watch = MakeWatch(session);
  watch->trace_id = log && stream != nullptr ? stream->trace_id : "";
  const bool before = std::exchange(watch->log, log);
  EndWatchUnlessTold();
  return before;
}

void SessionRecorder::OnAttached(const Session& session,
                                 const SessionContext& stream, bool taken_over,
                                 const Session::Opening& opening) {
  story_.OnAttached(clock_->Now(), taken_over, opening.state);
  if (watch_ == nullptr) return;
  // They may be lower than before: another life has begun.
  watch_->acknowledged = session.received_through();
  watch_->committed = session.committed_through();
  watch_->writing_through = 0;
  if (watch_->log) watch_->trace_id = stream.trace_id;
  Tell({.kind = KindOf(taken_over, opening.state),
        .through = session.accepted_through(),
        .text = std::string(opening.why_lost)});
}

void SessionRecorder::OnStreamEnded(int code, absl::string_view text) {
  story_.OnStreamEnded(clock_->Now(), code, text);
  if (watch_ == nullptr) return;
  Tell({.kind = Kind::kStreamEnded,
        .code = code,
        .text = story_.troubles->last_end->text});
}

void SessionRecorder::TellHandled(const Batch& batch) {
  if (batch.size == 0) return;
  SessionEvent event{.kind = Kind::kHandled,
                     .first = batch.first_position,
                     .through = batch.first_position + batch.size - 1,
                     .failed = batch.failed};
  if (batch.failed > 0 && story_.troubles->last_failure) {
    event.code = story_.troubles->last_failure->code;
    event.text = story_.troubles->last_failure->text;
  }
  Tell(std::move(event));
}

bool SessionRecorder::TakesWrite(uint64_t taken_through, uint64_t results,
                                 const std::vector<wire::Piece>& pieces,
                                 size_t first_piece) {
  const uint64_t first = taken_through + 1 - results;
  const bool traced =
      spans_ != nullptr && spans_->OnTaken(first, results, pieces, first_piece);
  if (watch_ == nullptr || results == 0) return traced;
  watch_->writing_first = first;
  watch_->writing_through = taken_through;
  return true;
}

void SessionRecorder::OnWritten() {
  if (spans_ != nullptr) spans_->OnWritten(clock_->Now());
  if (watch_ == nullptr || watch_->writing_through == 0) return;
  const uint64_t through = std::exchange(watch_->writing_through, 0);
  Tell({.kind = Kind::kWritten,
        .first = watch_->writing_first,
        .through = through});
}

void SessionRecorder::TellAcknowledged(uint64_t through) {
  if (through <= watch_->acknowledged) return;
  const uint64_t before = std::exchange(watch_->acknowledged, through);
  Tell({.kind = Kind::kAcknowledged, .first = before + 1, .through = through});
}

void SessionRecorder::TellCommitted(uint64_t through) {
  if (through <= watch_->committed) return;
  const uint64_t before = std::exchange(watch_->committed, through);
  Tell({.kind = Kind::kCommitted, .first = before + 1, .through = through});
}

void SessionRecorder::Tell(SessionEvent event) {
  event.at = clock_->Now();
  // A line is queued, and whoever reads standard error is not waited for.
  if (watch_->log) LogEvent(session_id_, watch_->trace_id, event);
  if (watch_->trace != nullptr && !watch_->trace->Add(std::move(event))) {
    watch_->trace.reset();
    EndWatchUnlessTold();
  }
}

}  // namespace msgproc::processor
