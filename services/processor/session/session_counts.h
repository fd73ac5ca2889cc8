#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_COUNTS_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_COUNTS_H_

#include <cstddef>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "services/processor/executors/batch.h"
#include "services/processor/executors/handler_counters.h"
#include "services/processor/session/processor_counters.h"
#include "services/processor/session/session.h"
#include "wire/frame.h"

namespace msgproc::processor {

// Counts what becomes of a session's messages, once a batch and not once a
// message.

// They were accepted. Returns the bytes of their payloads.
size_t CountAccepted(absl::Span<const wire::MessageView> messages,
                     ProcessorCounters* counters);
// A handler is done with them: the batch's, for itself and for all.
void CountHandled(const Batch& batch, ProcessorCounters* counters);
// What of the session's became ready since the last call; `handler` is its
// handler's.
void CountReady(Session* session, absl::Time now, HandlerCounters* handler,
                ProcessorCounters* counters);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_COUNTS_H_
