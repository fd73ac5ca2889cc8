// The headers of a message that say which trace it belongs to: a traceparent
// that is taken names a trace and a span, and is written as it was read.
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/check.h"
#include "wire/frame.h"
#include "wire/trace_context.h"

namespace msgproc::fuzz {
namespace {

void CheckTraceparent(absl::string_view text,
                      const wire::TraceContext& context) {
  MSGPROC_CHECK((context.trace_id_high | context.trace_id_low) != 0);
  MSGPROC_CHECK_NE(context.span_id, 0U);
  const std::string written = context.Traceparent();
  MSGPROC_CHECK_EQ(written.size(), 55U);
  // But for the version, and for flags that nobody knows.
  MSGPROC_CHECK_EQ(written.substr(2, 51), text.substr(2, 51));
  MSGPROC_CHECK_EQ(absl::StrCat(context.TraceId()), text.substr(3, 32));
  MSGPROC_CHECK_NE(text.substr(0, 2), "ff");
  const auto again = wire::ParseTraceparent(written);
  MSGPROC_CHECK(again.has_value() && *again == context);
}

}  // namespace

// The input is both a traceparent and an encoded message.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view input(reinterpret_cast<const char*>(data), size);
  if (const auto context = wire::ParseTraceparent(input)) {
    CheckTraceparent(input, *context);
  }
  wire::MessageView message;
  if (!wire::ParseMessage(input, &message)) return 0;
  const wire::TraceHeaders headers = wire::ReadTraceHeaders(message.headers());
  MSGPROC_CHECK_LE(headers.state.size(), wire::kMaxTracestateBytes);
  for (const char c : headers.state) {
    MSGPROC_CHECK(absl::ascii_isprint(static_cast<unsigned char>(c)));
  }
  int parents = 0;
  bool wanted = false;
  for (const wire::HeaderView& header : message.headers()) {
    wanted = wanted || header.key == "traceresponse";
    if (header.key != "traceparent") continue;
    ++parents;
    if (headers.parent) CheckTraceparent(header.value, *headers.parent);
  }
  MSGPROC_CHECK_EQ(headers.wants_response, wanted);
  MSGPROC_CHECK(!headers.parent || parents == 1);
  return 0;
}

}  // namespace msgproc::fuzz
