#include "services/base/traces/otlp_request.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "common/utf8.h"

namespace msgproc::base {
namespace {

// opentelemetry.proto.trace.v1.SpanFlags.
constexpr uint32_t kFlagSampled = 0x1;
constexpr uint32_t kFlagParentKnown = 0x100;
constexpr uint32_t kFlagParentIsRemote = 0x200;

// A collector that is not told of text that is not UTF-8 refuses all that comes
// along with it.
std::string Utf8(absl::string_view text) {
  return std::string(IsUtf8(text) ? text : absl::string_view("(not UTF-8)"));
}

// Big-endian, as ids are on the wire.
void AppendId(uint64_t id, std::string* out) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    *out += static_cast<char>(id >> shift & 0xff);
  }
}

uint64_t UnixNanoseconds(absl::Time time, absl::Duration offset) {
  return static_cast<uint64_t>(
      std::max<int64_t>(0, absl::ToUnixNanos(time + offset)));
}

otlp::KeyValue Attribute(absl::string_view key, const Span::Value& value) {
  otlp::KeyValue attribute;
  attribute.set_key(std::string(key));
  if (const auto* text = std::get_if<std::string>(&value)) {
    attribute.mutable_value()->set_string_value(Utf8(*text));
  } else {
    attribute.mutable_value()->set_int_value(std::get<int64_t>(value));
  }
  return attribute;
}

void Encode(const Span& span, absl::Duration offset, otlp::Span* out) {
  AppendId(span.context.trace_id_high, out->mutable_trace_id());
  AppendId(span.context.trace_id_low, out->mutable_trace_id());
  AppendId(span.context.span_id, out->mutable_span_id());
  AppendId(span.parent_span_id, out->mutable_parent_span_id());
  out->set_trace_state(Utf8(span.trace_state));
  out->set_name(Utf8(span.name));
  const bool server = span.kind == Span::Kind::kServer;
  out->set_kind(server ? otlp::Span::SPAN_KIND_SERVER
                       : otlp::Span::SPAN_KIND_INTERNAL);
  out->set_start_time_unix_nano(UnixNanoseconds(span.begin, offset));
  out->set_end_time_unix_nano(UnixNanoseconds(span.end, offset));
  for (const auto& [key, value] : span.attributes) {
    *out->add_attributes() = Attribute(key, value);
  }
  if (span.failed) {
    out->mutable_status()->set_code(otlp::Status::STATUS_CODE_ERROR);
    out->mutable_status()->set_message(Utf8(span.error));
  }
  out->set_flags(kFlagParentKnown | (server ? kFlagParentIsRemote : 0) |
                 (span.context.sampled ? kFlagSampled : 0));
}

}  // namespace

otlp::ExportTraceServiceRequest EncodeSpans(const std::vector<Span>& spans,
                                            const TraceResource& resource,
                                            absl::Duration unix_offset) {
  otlp::ExportTraceServiceRequest request;
  otlp::ResourceSpans* const ours = request.add_resource_spans();
  auto* const attributes = ours->mutable_resource()->mutable_attributes();
  *attributes->Add() = Attribute("service.name", resource.service_name);
  *attributes->Add() = Attribute("service.instance.id", resource.instance_id);
  *attributes->Add() = Attribute("service.version", resource.version);
  otlp::ScopeSpans* const scope = ours->add_scope_spans();
  scope->mutable_scope()->set_name("msgproc");
  scope->mutable_scope()->set_version(resource.version);
  for (const Span& span : spans) Encode(span, unix_offset, scope->add_spans());
  return request;
}

}  // namespace msgproc::base
