#include "services/processor/workers/worker_traces.h"

#include "msgproc/worker/v1/worker.pb.h"
#include "wire/trace_context.h"

namespace msgproc::processor {

bool WorkerTraces::Take(absl::Span<const absl::string_view> encoded,
                        absl::Span<const wire::MessageView> messages) {
  traced_.clear();
  size_t place = 0;
  for (const absl::string_view each : encoded) {
    worker::v1::Trace trace;
    if (!trace.ParseFromArray(each.data(), static_cast<int>(each.size()))) {
      return false;
    }
    const auto context = wire::ParseTraceparent(trace.traceparent());
    while (place < messages.size() &&
           messages[place].sequence != trace.sequence()) {
      ++place;
    }
    if (place == messages.size()) break;
    if (context.has_value()) {
      traced_.push_back(
          {.index = place, .sequence = trace.sequence(), .context = *context});
    }
    ++place;
  }
  return true;
}

TracedMessages WorkerTraces::Of(size_t first, size_t count) {
  TracedMessages some;
  ForTraced(&traced_, first, count, [&](TracedMessage* traced) {
    some.push_back(*traced);
    some.back().index -= first;
  });
  return some;
}

}  // namespace msgproc::processor
