#ifndef MSGPROC_SERVICES_BASE_TRACES_OTLP_REQUEST_H_
#define MSGPROC_SERVICES_BASE_TRACES_OTLP_REQUEST_H_

#include <vector>

#include "absl/time/time.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb.h"
#include "services/base/traces/span.h"
#include "services/base/traces/trace_resource.h"

namespace msgproc::base {

namespace otlp = opentelemetry::proto::collector::trace::v1;

// `unix_offset`: what is added to a span's times, which are the monotonic
// clock's, to make them those of the wall clock.
otlp::ExportTraceServiceRequest EncodeSpans(const std::vector<Span>& spans,
                                            const TraceResource& resource,
                                            absl::Duration unix_offset);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_TRACES_OTLP_REQUEST_H_
