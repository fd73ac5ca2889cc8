#include "services/processor/session/session_counts.h"

#include <cstdint>

#include "common/check.h"

namespace msgproc::processor {

size_t CountAccepted(absl::Span<const wire::MessageView> messages,
                     ProcessorCounters* counters) {
  size_t bytes = 0;
  for (const wire::MessageView& message : messages) {
    bytes += message.payload.size();
  }
  ProcessorCounters::Add(&counters->bytes_received, bytes);
  ProcessorCounters::Add(&counters->outstanding,
                         static_cast<int64_t>(messages.size()));
  counters->batch_messages.Observe(static_cast<double>(messages.size()));
  return bytes;
}

void CountHandled(const Batch& batch, ProcessorCounters* counters) {
  MSGPROC_CHECK(batch.binding != nullptr);
  HandlerCounters* const handler = &batch.binding->counters;
  // Most batches have none that failed.
  if (batch.failed > 0) {
    ProcessorCounters::Add(&counters->messages_error, batch.failed);
    ProcessorCounters::Add(&handler->failed, batch.failed);
  }
  ProcessorCounters::Add(&counters->messages_ok, batch.size - batch.failed);
  ProcessorCounters::Add(&handler->ok, batch.size - batch.failed);
  ProcessorCounters::Add(&counters->bytes_sent, batch.payload_bytes);
  handler->handler_seconds.Observe(absl::ToDoubleSeconds(batch.handler_time) /
                                       static_cast<double>(batch.size),
                                   batch.size);
}

void CountReady(Session* session, absl::Time now, HandlerCounters* handler,
                ProcessorCounters* counters) {
  Session::Timed timed;
  uint64_t ready = 0;
  while (session->NextTimed(&timed)) {
    ready += timed.messages;
    handler->message_seconds.Observe(
        absl::ToDoubleSeconds(now - timed.accepted_at), timed.messages);
  }
  ProcessorCounters::Add(&counters->outstanding, -static_cast<int64_t>(ready));
}

}  // namespace msgproc::processor
