#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_TRACE_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_TRACE_H_

#include <map>
#include <string>

#include "grpcpp/support/string_ref.h"

namespace msgproc::processor {

// Which trace a stream's call belongs to, by the `traceparent` of its metadata
// (W3C Trace Context, where OpenTelemetry's instrumentation of gRPC puts it),
// sampled or not: 32 digits, as logs have it. Empty: there is none, several, or
// a malformed one. Pure.
std::string StreamTraceId(
    const std::multimap<grpc::string_ref, grpc::string_ref>& metadata);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_TRACE_H_
