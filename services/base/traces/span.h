#ifndef MSGPROC_SERVICES_BASE_TRACES_SPAN_H_
#define MSGPROC_SERVICES_BASE_TRACES_SPAN_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "wire/trace_context.h"

namespace msgproc::base {

// A piece of work that belongs to a trace, and is over: OpenTelemetry's span,
// as far as servers need it.
struct Span {
  enum class Kind {
    kServer,    // What another process has asked for.
    kInternal,  // A part of that.
  };
  using Value = std::variant<std::string, int64_t>;

  std::string name;
  Kind kind = Kind::kInternal;
  // Its trace, and its own id.
  wire::TraceContext context;
  // Never zero; another process's where the kind is kServer.
  uint64_t parent_span_id = 0;
  // The client's tracestate, which goes with it.
  std::string trace_state;
  // By Clock::Monotonic().
  absl::Time begin;
  absl::Time end;
  std::vector<std::pair<std::string, Value>> attributes;
  // Whether it failed; for people, how.
  bool failed = false;
  std::string error;
};

// Takes spans, at once, whatever becomes of them. Thread-safe.
class SpanSink {
 public:
  virtual ~SpanSink() = default;
  virtual void Record(std::vector<Span> spans) = 0;
  // So many were not made, because too many were open.
  virtual void CountUnmade(uint64_t spans) = 0;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_TRACES_SPAN_H_
