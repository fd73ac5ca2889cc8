#include "wire/trace_context.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace msgproc::wire {
namespace {

// "00-" trace id "-" parent id "-" flags.
constexpr size_t kTraceIdAt = 3;
constexpr size_t kSpanIdAt = 36;
constexpr size_t kFlagsAt = 53;
constexpr size_t kTraceparentBytes = 55;
constexpr uint64_t kSampled = 1;

// Digits of a lower-case hexadecimal number, at most 16 of them.
std::optional<uint64_t> ParseHex(absl::string_view digits) {
  uint64_t value = 0;
  for (const char c : digits) {
    uint64_t digit;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint64_t>(c - 'a') + 10;
    } else {
      return std::nullopt;
    }
    value = value << 4 | digit;
  }
  return value;
}

bool IsPrintable(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isprint(static_cast<unsigned char>(c));
  });
}

}  // namespace

std::string TraceContext::TraceId() const {
  return absl::StrCat(absl::Hex(trace_id_high, absl::kZeroPad16),
                      absl::Hex(trace_id_low, absl::kZeroPad16));
}

std::string TraceContext::Traceparent() const {
  return absl::StrCat("00-", TraceId(), "-",
                      absl::Hex(span_id, absl::kZeroPad16),
                      sampled ? "-01" : "-00");
}

std::optional<TraceContext> ParseTraceparent(absl::string_view text) {
  if (text.size() < kTraceparentBytes) return std::nullopt;
  const auto version = ParseHex(text.substr(0, 2));
  const auto high = ParseHex(text.substr(kTraceIdAt, 16));
  const auto low = ParseHex(text.substr(kTraceIdAt + 16, 16));
  const auto span_id = ParseHex(text.substr(kSpanIdAt, 16));
  const auto flags = ParseHex(text.substr(kFlagsAt, 2));
  if (!version || text[kTraceIdAt - 1] != '-' || !high || !low ||
      text[kSpanIdAt - 1] != '-' || !span_id || text[kFlagsAt - 1] != '-' ||
      !flags) {
    return std::nullopt;
  }
  // A later version may say more behind another dash.
  const absl::string_view rest = text.substr(kTraceparentBytes);
  if (*version == 0xff ||
      (!rest.empty() && (*version == 0 || rest[0] != '-'))) {
    return std::nullopt;
  }
  if ((*high | *low) == 0 || *span_id == 0) return std::nullopt;
  return TraceContext{.trace_id_high = *high,
                      .trace_id_low = *low,
                      .span_id = *span_id,
                      .sampled = (*flags & kSampled) != 0};
}

TraceHeaders ReadTraceHeaders(const HeaderRange& headers) {
  TraceHeaders read;
  int parents = 0;
  for (const HeaderView& header : headers) {
    if (header.key == kTraceparent) {
      ++parents;
      read.parent = ParseTraceparent(header.value);
    } else if (header.key == kTracestate) {
      absl::StrAppend(&read.state, read.state.empty() ? "" : ",", header.value);
    } else if (header.key == kTraceresponse) {
      read.wants_response = true;
    }
  }
  if (parents != 1) read.parent.reset();
  if (read.state.size() > kMaxTracestateBytes || !IsPrintable(read.state)) {
    read.state.clear();
  }
  return read;
}

}  // namespace msgproc::wire
