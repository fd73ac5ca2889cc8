#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_RECORDER_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_RECORDER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/clock.h"
#include "services/processor/executors/batch.h"
#include "services/processor/handlers/session_context.h"
#include "services/processor/session/live_trace.h"
#include "services/processor/session/message_spans.h"
#include "services/processor/session/session.h"
#include "services/processor/session/session_event.h"
#include "services/processor/session/session_story.h"
#include "wire/entry_log.h"
#include "wire/frame.h"

namespace msgproc::processor {

// What is kept of what happens to a session, for those who look: its story; its
// messages' spans, where messages are traced; its events, while an operator
// follows it or has it logged. Whoever does not look pays a null pointer's test
// a frame. Its session's lock guards it.
class SessionRecorder {
 public:
  // `session_id` outlives it.
  SessionRecorder(const HandlerBinding& binding, const std::string& session_id,
                  bool stored, const Clock* clock);

  // From here on the trace is told of events, until it is over; another one
  // takes its place.
  void Follow(std::shared_ptr<LiveTrace> trace, const Session& session);
  // Whether events are logged at debug from here on, whatever the least level
  // is. Returns whether they were. `stream`: the one that has the session, or
  // had it last; null: there was none.
  bool LogEvents(bool log, const Session& session,
                 const SessionContext* stream);

  const SessionStory& story() const { return story_; }

  // As SessionStory has them, of `session` as it is now.
  void OnAttached(const Session& session, const SessionContext& stream,
                  bool taken_over, const Session::Opening& opening);
  void OnStreamEnded(int code, absl::string_view text);
  void OnDetached() { story_.changed = clock_->Now(); }

  // The client's acknowledgement was heard, or it has closed its side.
  void OnAcknowledged(const Session& session) {
    if (watch_ != nullptr) TellAcknowledged(session.received_through());
  }
  void OnInputClosed() {
    if (watch_ != nullptr) Tell({.kind = SessionEvent::Kind::kInputClosed});
  }
  // The messages are those accepted last.
  void OnAccepted(uint64_t accepted_through,
                  absl::Span<const wire::MessageView> messages) {
    const uint64_t first = accepted_through + 1 - messages.size();
    if (spans_ != nullptr) spans_->OnAccepted(first, messages, clock_->Now());
    if (watch_ == nullptr) return;
    Tell({.kind = SessionEvent::Kind::kAccepted,
          .first = first,
          .through = accepted_through});
  }
  void OnGivenOut(Batch* batch) {
    if (spans_ != nullptr) spans_->OnGivenOut(batch, clock_->Now());
    if (watch_ == nullptr) return;
    Tell({.kind = SessionEvent::Kind::kDispatched,
          .first = batch->first_position,
          .through = batch->first_position + batch->size - 1});
  }
  // A batch has come back; one of a life before is nobody's.
  void OnReturned(uint64_t epoch, Batch* batch) {
    if (batch->epoch != epoch) return;
    if (spans_ != nullptr) spans_->OnReturned(batch, clock_->Now());
    if (batch->failed > 0) {
      story_.OnFailures(clock_->Now(), batch->failed, batch->results);
    }
    if (watch_ != nullptr) TellHandled(*batch);
  }
  // Of a stored session: the store has everything up to here.
  void OnCommitted(uint64_t through) {
    if (spans_ != nullptr) spans_->OnCommitted(through, clock_->Now());
    if (watch_ != nullptr) TellCommitted(through);
  }
  // Results go out with the write that begins, up to `taken_through`. Returns
  // whether OnWritten is to follow.
  [[nodiscard]] bool OnTaken(uint64_t taken_through, uint64_t results,
                             const std::vector<wire::Piece>& pieces,
                             size_t first_piece) {
    if (spans_ == nullptr && watch_ == nullptr) return false;
    return TakesWrite(taken_through, results, pieces, first_piece);
  }
  void OnWritten();
  // The session begins another life.
  void OnRestarted() {
    if (spans_ != nullptr) spans_->OnRestarted(clock_->Now());
  }

 private:
  // There while anybody is told of events.
  struct Watch {
    std::shared_ptr<LiveTrace> trace;
    bool log = false;
    std::string trace_id;  // Of the stream, while events are logged.
    // What was told, or was so before.
    uint64_t acknowledged = 0;
    uint64_t committed = 0;
    // The results of the write under way; none: it began before.
    uint64_t writing_first = 0;
    uint64_t writing_through = 0;
  };

  Watch* MakeWatch(const Session& session);
  // Nobody is told any more, unless somebody is.
  void EndWatchUnlessTold();
  // All of these have a watch, which may be gone afterwards.
  void Tell(SessionEvent event);
  void TellHandled(const Batch& batch);
  void TellAcknowledged(uint64_t through);
  void TellCommitted(uint64_t through);
  bool TakesWrite(uint64_t taken_through, uint64_t results,
                  const std::vector<wire::Piece>& pieces, size_t first_piece);

  const absl::string_view session_id_;
  const Clock* const clock_;
  const std::unique_ptr<MessageSpans> spans_;
  SessionStory story_;
  std::unique_ptr<Watch> watch_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_RECORDER_H_
