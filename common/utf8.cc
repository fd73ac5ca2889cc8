#include "common/utf8.h"

#include <cstdint>

namespace msgproc {

size_t Utf8Length(absl::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  size_t length = 0;
  if (lead >= 0xC2 && lead <= 0xDF) length = 2;
  if (lead >= 0xE0 && lead <= 0xEF) length = 3;
  if (lead >= 0xF0 && lead <= 0xF4) length = 4;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;
  if (lead == 0xED && byte(1) > 0x9F) return 0;
  if (lead == 0xF0 && byte(1) < 0x90) return 0;
  if (lead == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string TruncateUtf8(absl::string_view text, size_t max_bytes) {
  std::string utf8;
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const absl::string_view next = length == 0 ? "?" : text.substr(0, length);
    if (utf8.size() + next.size() > max_bytes) break;
    utf8.append(next.data(), next.size());
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return utf8;
}

}  // namespace msgproc
