#ifndef MSGPROC_SERVICES_PROCESSOR_EXECUTORS_BATCH_NAMES_H_
#define MSGPROC_SERVICES_PROCESSOR_EXECUTORS_BATCH_NAMES_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "services/processor/executors/batch.h"
#include "services/processor/handlers/session_context.h"

// What log lines call a batch's session, and the trace of one of its messages.
namespace msgproc::processor {

// Empty: a stream without `Open`.
inline absl::string_view SessionIdOf(const Batch& batch) {
  return batch.context == nullptr ? absl::string_view()
                                  : batch.context->session_id;
}

// Of a message that is traced, its trace; of any other, that of the stream that
// its session had when it was given out. Empty: there is neither. `index`: its
// place in the batch.
inline std::string TraceIdOf(const Batch& batch, uint64_t index) {
  for (const TracedMessage& traced : batch.traced) {
    if (traced.index == index) return traced.context.TraceId();
  }
  return batch.context == nullptr ? "" : batch.context->trace_id;
}

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_EXECUTORS_BATCH_NAMES_H_
