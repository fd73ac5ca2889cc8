#include "services/processor/stream/stream_trace.h"

#include "absl/strings/string_view.h"
#include "wire/trace_context.h"

namespace msgproc::processor {

std::string StreamTraceId(
    const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) {
  const grpc::string_ref key(wire::kTraceparent.data(),
                             wire::kTraceparent.size());
  if (metadata.count(key) != 1) return "";
  const grpc::string_ref text = metadata.find(key)->second;
  const auto trace =
      wire::ParseTraceparent(absl::string_view(text.data(), text.size()));
  return trace.has_value() ? trace->TraceId() : "";
}

}  // namespace msgproc::processor
