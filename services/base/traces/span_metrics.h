#ifndef MSGPROC_SERVICES_BASE_TRACES_SPAN_METRICS_H_
#define MSGPROC_SERVICES_BASE_TRACES_SPAN_METRICS_H_

#include "services/base/metric_writer.h"
#include "services/base/traces/otlp_exporter.h"

namespace msgproc::base {

// msgproc_trace_*: what becomes of spans.
void WriteSpanMetrics(const SpanCounters& counters, MetricWriter* writer);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_TRACES_SPAN_METRICS_H_
