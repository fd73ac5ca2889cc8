#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_TRACES_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_TRACES_H_

#include <cstddef>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "services/processor/executors/traced_message.h"
#include "wire/frame.h"

namespace msgproc::processor {

// Which messages of a WorkBatch are traced, as a worker reads it. Not
// thread-safe.
class WorkerTraces {
 public:
  // Takes the encoded `traces` of a batch with these messages. What names none
  // of them, or is no traceparent, is ignored. False: they cannot be parsed.
  [[nodiscard]] bool Take(absl::Span<const absl::string_view> encoded,
                          absl::Span<const wire::MessageView> messages);

  // Those among `count` messages from `first` on, with their places there.
  TracedMessages Of(size_t first, size_t count);

 private:
  // With their places among all.
  TracedMessages traced_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_TRACES_H_
