#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_SPANS_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_SPANS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/clock.h"
#include "services/processor/executors/batch.h"
#include "services/processor/session/message_spans.h"
#include "wire/entry_log.h"
#include "wire/frame.h"

namespace msgproc::processor {

// A session's MessageSpans with a clock; nothing, which costs nothing, where no
// messages are traced. Its session's lock guards it.
class SessionSpans {
 public:
  SessionSpans(const HandlerBinding& binding, const std::string& session_id,
               bool stored, const Clock* clock);

  // As MessageSpans has them. The messages are those accepted last.
  void OnAccepted(uint64_t accepted_through,
                  absl::Span<const wire::MessageView> messages) {
    if (spans_ == nullptr) return;
    spans_->OnAccepted(accepted_through + 1 - messages.size(), messages,
                       clock_->Now());
  }
  void OnGivenOut(Batch* batch) {
    if (spans_ != nullptr) spans_->OnGivenOut(batch, clock_->Now());
  }
  // A batch of a life before is nobody's.
  void OnReturned(uint64_t epoch, Batch* batch) {
    if (spans_ == nullptr || batch->epoch != epoch) return;
    spans_->OnReturned(batch, clock_->Now());
  }
  void OnCommitted(uint64_t through) {
    if (spans_ != nullptr) spans_->OnCommitted(through, clock_->Now());
  }
  [[nodiscard]] bool OnTaken(uint64_t taken_through, uint64_t results,
                             const std::vector<wire::Piece>& pieces,
                             size_t first_piece) {
    return spans_ != nullptr && spans_->OnTaken(taken_through + 1 - results,
                                                results, pieces, first_piece);
  }
  void OnWritten() {
    if (spans_ != nullptr) spans_->OnWritten(clock_->Now());
  }
  void OnRestarted() {
    if (spans_ != nullptr) spans_->OnRestarted(clock_->Now());
  }

 private:
  const Clock* const clock_;
  const std::unique_ptr<MessageSpans> spans_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_SPANS_H_
