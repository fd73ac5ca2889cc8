#ifndef MSGPROC_SERVICES_PROCESSOR_EXECUTORS_TRACED_MESSAGE_H_
#define MSGPROC_SERVICES_PROCESSOR_EXECUTORS_TRACED_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "wire/trace_context.h"

namespace msgproc::processor {

// A message of a batch whose trace is recorded: what its handler is told, and
// what its executor notes of it.
struct TracedMessage {
  // Its place in the batch, from 0.
  uint64_t index = 0;
  uint64_t sequence = 0;
  // The handler's span is the parent of what the handler begins.
  wire::TraceContext context;

  // When a handler, or a worker, was given it last, and had answered it; the
  // infinite past: nobody has noted it.
  absl::Time begin = absl::InfinitePast();
  absl::Time end = absl::InfinitePast();
  // Which try that was; 0: as the batch says.
  int attempt = 0;
  // The worker's process; 0: none.
  int worker_pid = 0;
};

// Those of a batch, in order of `index`. Few: most messages have no trace.
using TracedMessages = std::vector<TracedMessage>;

// Calls `note` with those among `count` messages from `first` on.
template <typename Note>
void ForTraced(TracedMessages* traced, uint64_t first, uint64_t count,
               const Note& note) {
  for (TracedMessage& message : *traced) {
    if (message.index >= first && message.index - first < count) note(&message);
  }
}

// Walks over a batch's messages in order, and meets the traced ones.
class TracedCursor {
 public:
  explicit TracedCursor(TracedMessages* traced)
      : next_(traced->data()), end_(traced->data() + traced->size()) {}

  // Whether the next message is traced; null: it is not. Moves behind it.
  TracedMessage* Next() {
    if (next_ == end_ || next_->index != index_++) return nullptr;
    return next_++;
  }

 private:
  TracedMessage* next_;
  TracedMessage* const end_;
  uint64_t index_ = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_EXECUTORS_TRACED_MESSAGE_H_
