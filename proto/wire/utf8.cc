#include "proto/wire/utf8.h"

#include <cstdint>

namespace msgproc::wire {
namespace {

bool InRange(absl::string_view text, size_t at, uint8_t low, uint8_t high) {
  return at < text.size() && static_cast<uint8_t>(text[at]) >= low &&
         static_cast<uint8_t>(text[at]) <= high;
}

// The length of the character at the beginning; 0: there is none. The ranges
// are those of RFC 3629, section 4.
size_t CharacterSize(absl::string_view text) {
  const auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return InRange(text, 1, 0x80, 0xbf) ? 2 : 0;
  // Nothing overlong, no surrogates, nothing beyond U+10FFFF.
  const uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (lead < 0xe0 || lead > 0xf4 || !InRange(text, 1, low, high) ||
      !InRange(text, 2, 0x80, 0xbf)) {
    return 0;
  }
  if (lead < 0xf0) return 3;
  return InRange(text, 3, 0x80, 0xbf) ? 4 : 0;
}

}  // namespace

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const size_t size = CharacterSize(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string ToUtf8(absl::string_view text, size_t max_bytes) {
  std::string utf8;
  while (!text.empty()) {
    const size_t size = CharacterSize(text);
    const absl::string_view next = size == 0 ? "?" : text.substr(0, size);
    if (utf8.size() + next.size() > max_bytes) break;
    utf8.append(next.data(), next.size());
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return utf8;
}

}  // namespace msgproc::wire
