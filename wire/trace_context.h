#ifndef MSGPROC_WIRE_TRACE_CONTEXT_H_
#define MSGPROC_WIRE_TRACE_CONTEXT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "wire/frame.h"

// W3C Trace Context (Recommendation, November 2021,
// https://www.w3.org/TR/trace-context/) in the headers of messages and results.
namespace msgproc::wire {

// Headers of a message, as the Recommendation has them.
inline constexpr absl::string_view kTraceparent = "traceparent";
inline constexpr absl::string_view kTracestate = "tracestate";
// Of a message, whatever its value: the result is to carry one of the same
// name, which says under which span the message was processed. The name and the
// format are those of the Recommendation's successor (Trace Context Level 2,
// draft of 2023).
inline constexpr absl::string_view kTraceresponse = "traceresponse";

// What a participant passes on of a tracestate, at least: more is left out.
inline constexpr size_t kMaxTracestateBytes = 512;

// Which trace something belongs to, and which span of it is the parent.
struct TraceContext {
  // 16 bytes, the first ones in `high`; never all zero.
  uint64_t trace_id_high = 0;
  uint64_t trace_id_low = 0;
  // Never zero.
  uint64_t span_id = 0;
  // Whether whoever began the trace may have recorded it.
  bool sampled = false;

  // 32 digits, as logs have it.
  std::string TraceId() const;
  // As version 00: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".
  std::string Traceparent() const;

  bool operator==(const TraceContext& other) const {
    return trace_id_high == other.trace_id_high &&
           trace_id_low == other.trace_id_low && span_id == other.span_id &&
           sampled == other.sampled;
  }
};

// Reads a traceparent, of version 00 or of a later one as far as that is known
// today. Nothing: it is malformed, and to be ignored.
std::optional<TraceContext> ParseTraceparent(absl::string_view text);

// What a message's headers say of its trace.
struct TraceHeaders {
  // Nothing: it has no traceparent, several, or a malformed one.
  std::optional<TraceContext> parent;
  // Its tracestate, several joined; empty where it is longer than
  // kMaxTracestateBytes or has other than printable characters.
  std::string state;
  bool wants_response = false;
};
TraceHeaders ReadTraceHeaders(const HeaderRange& headers);

}  // namespace msgproc::wire

#endif  // MSGPROC_WIRE_TRACE_CONTEXT_H_
