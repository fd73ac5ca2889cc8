#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_MESSAGE_SPANS_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_MESSAGE_SPANS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/base/traces/span.h"
#include "services/processor/executors/batch.h"
#include "wire/entry_log.h"
#include "wire/frame.h"
#include "wire/trace_context.h"

namespace msgproc::processor {

// The spans of one session's messages: of those that carry a sampled
// traceparent, and of no others.
//
//   the client's span
//    └ process HANDLER        accepted … written
//       ├ queue               accepted … given to a handler or worker
//       ├ handler             … answered; the parent of the handler's own spans
//       ├ commit              … in the store; of a stored session
//       └ write               … given to the client's connection
//
// They are recorded together, once the result has left; or once it cannot any
// more, as failed. Pure but for the sink; its session's lock guards it.
class MessageSpans {
 public:
  // Messages of one session whose spans are open at the same time: those beyond
  // are counted, and not traced.
  static constexpr size_t kMaxMessages = 1024;
  // Of a message that is answered; without `commit` one less.
  static constexpr uint64_t kSpansPerMessage = 5;

  struct Options {
    // Outlives the session. Called with its lock held.
    base::SpanSink* sink = nullptr;
    std::string session_id;  // Empty: anonymous.
    std::string handler;
    bool stored = false;
    // Random: ids of spans come from it.
    uint64_t seed = 0;
  };

  explicit MessageSpans(Options options);

  // Messages were accepted, the first of them at that position.
  void OnAccepted(uint64_t first_position,
                  absl::Span<const wire::MessageView> messages, absl::Time now);
  // A batch goes to its executor; is told which of its messages are traced.
  void OnGivenOut(Batch* batch, absl::Time now);
  // It has come back. Puts into its results the headers that were asked for,
  // unless others have the results already and compare them.
  void OnReturned(Batch* batch, absl::Time now);
  // Of a stored session: the store has everything up to here.
  void OnCommitted(uint64_t through, absl::Time now);
  // Results from this position on go out with the write that begins: the pieces
  // from `first_piece` on. Returns whether OnWritten is to follow.
  bool OnTaken(uint64_t first_position, uint64_t results,
               const std::vector<wire::Piece>& pieces, size_t first_piece);
  // That write is done.
  void OnWritten(absl::Time now);
  // The session begins another life; nobody will hear of what was open.
  void OnRestarted(absl::Time now);

  size_t open() const { return open_.size(); }

 private:
  struct Open {
    uint64_t position = 0;
    uint64_t sequence = 0;
    // The client's.
    wire::TraceContext parent;
    std::string state;
    bool wants_response = false;
    uint64_t process_id = 0;
    uint64_t handler_id = 0;
    absl::Time accepted;
    // Infinite past: not yet.
    absl::Time begun = absl::InfinitePast();
    absl::Time answered = absl::InfinitePast();
    absl::Time committed = absl::InfinitePast();
    int attempt = 1;
    int worker_pid = 0;
    bool failed = false;
    int code = 0;
    std::string error;
  };
  using Iterator = std::deque<Open>::iterator;

  uint64_t NewId();
  // The first at this position, or behind it.
  Iterator From(uint64_t position);
  // The one at this position; null: it is not traced, or not any more.
  Open* Find(uint64_t position);
  void AddResponses(Batch* batch);
  void ReadOutcome(absl::string_view result, Open* open) const;
  void Finish(const Open& open, absl::Time end, std::vector<base::Span>* spans);
  base::Span Part(const Open& open, absl::string_view name, uint64_t id,
                  absl::Time begin, absl::Time end) const;

  const Options options_;
  uint64_t seed_;
  // In order of position.
  std::deque<Open> open_;
  // Of the last write with traced messages; once it is done they are not open
  // any more.
  uint64_t writing_through_ = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_MESSAGE_SPANS_H_
