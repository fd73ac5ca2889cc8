#include "services/base/traces/span_metrics.h"

#include <atomic>

namespace msgproc::base {
namespace {

template <typename T>
double Load(const std::atomic<T>& value) {
  return static_cast<double>(value.load(std::memory_order_relaxed));
}

}  // namespace

void WriteSpanMetrics(const SpanCounters& counters, MetricWriter* writer) {
  writer
      ->Counter("msgproc_trace_spans_recorded_total",
                "Spans of sampled messages, exported or not.")
      .Add({}, Load(counters.recorded));
  writer
      ->Counter("msgproc_trace_spans_exported_total",
                "Spans that the collector has taken.")
      .Add({}, Load(counters.exported));
  writer
      ->Counter("msgproc_trace_spans_dropped_total",
                "Spans that no collector will see. queue: it was full. "
                "session: too many messages of one session had open spans. "
                "refused: by the collector, for good. shutdown: the server "
                "stopped before they were taken.")
      .Add({{"reason", "queue"}}, Load(counters.dropped_queue))
      .Add({{"reason", "refused"}}, Load(counters.dropped_refused))
      .Add({{"reason", "session"}}, Load(counters.dropped_session))
      .Add({{"reason", "shutdown"}}, Load(counters.dropped_shutdown));
  writer
      ->Gauge("msgproc_trace_spans_queued",
              "Spans that wait for the collector, or are on their way to it.")
      .Add({}, Load(counters.queued));
  writer
      ->Counter("msgproc_trace_batches_total",
                "Batches of spans by what the collector made of them. retried: "
                "it could not take one for now, which is sent again.")
      .Add({{"outcome", "refused"}}, Load(counters.batches_refused))
      .Add({{"outcome", "retried"}}, Load(counters.batches_retried))
      .Add({{"outcome", "taken"}}, Load(counters.batches_taken));
}

}  // namespace msgproc::base
