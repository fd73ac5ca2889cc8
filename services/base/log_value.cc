#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/utf8.h"
#include "services/base/log.h"

namespace msgproc::base {
namespace {

bool IsOneWord(absl::string_view text) {
  if (text.empty()) return false;
  for (const char c : text) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c)) || c == '"' ||
        c == '=' || c == '\\') {
      return false;
    }
  }
  return true;
}

// Whether a character of UTF-8 makes a reader see another text or other lines
// than there are: control characters, also those from U+0080, separators of
// lines, changes of the writing's direction.
bool Deceives(absl::string_view character) {
  const auto byte = [character](size_t i) {
    return static_cast<unsigned char>(character[i]);
  };
  if (character.size() == 1) return absl::ascii_iscntrl(byte(0));
  if (character.size() == 2) return byte(0) == 0xc2 && byte(1) < 0xa0;
  if (character.size() != 3 || byte(0) != 0xe2) return false;
  return (byte(1) == 0x80 && byte(2) >= 0xa8 && byte(2) <= 0xae) ||
         (byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9);
}

// Of one that Deceives.
unsigned int CodePoint(absl::string_view character) {
  const auto low_bits = [character](size_t i) {
    return static_cast<unsigned char>(character[i]) & 0x3fU;
  };
  switch (character.size()) {
    case 1:
      return static_cast<unsigned char>(character[0]);
    case 2:
      return (low_bits(0) & 0x1fU) << 6 | low_bits(1);
    default:
      return (low_bits(0) & 0x0fU) << 12 | low_bits(1) << 6 | low_bits(2);
  }
}

}  // namespace

void AppendJsonString(absl::string_view text, std::string* out) {
  *out += '"';
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const char c = text[0];
    if (length == 0) {
      *out += "\xEF\xBF\xBD";
    } else if (c == '"' || c == '\\') {
      *out += '\\';
      *out += c;
    } else if (c == '\n') {
      *out += "\\n";
    } else if (Deceives(text.substr(0, length))) {
      absl::StrAppendFormat(out, "\\u%04x", CodePoint(text.substr(0, length)));
    } else {
      absl::StrAppend(out, text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  *out += '"';
}

void AppendOneLine(absl::string_view text, std::string* out) {
  while (!text.empty()) {
    // What is no UTF-8 goes as it is, byte by byte.
    const size_t length = std::max<size_t>(Utf8Length(text), 1);
    const absl::string_view character = text.substr(0, length);
    if (Deceives(character)) {
      for (const char c : character) {
        absl::StrAppendFormat(out, "\\x%02x", static_cast<unsigned char>(c));
      }
    } else {
      absl::StrAppend(out, character);
    }
    text.remove_prefix(length);
  }
}

void LogValue::AppendText(std::string* out) const {
  if (kind_ != Kind::kText || IsOneWord(text_)) {
    if (kind_ == Kind::kText) {
      absl::StrAppend(out, text_);
    } else if (kind_ == Kind::kDuration) {
      absl::StrAppend(out, absl::FormatDuration(duration_));
    } else {
      AppendJson(out);
    }
    return;
  }
  AppendJsonString(text_, out);
}

void LogValue::AppendJson(std::string* out) const {
  switch (kind_) {
    case Kind::kText:
      AppendJsonString(text_, out);
      break;
    case Kind::kSigned:
      absl::StrAppend(out, signed_);
      break;
    case Kind::kUnsigned:
      absl::StrAppend(out, static_cast<uint64_t>(signed_));
      break;
    case Kind::kDouble:
      // JSON has no word for infinity and not-a-number.
      absl::StrAppend(out,
                      std::isfinite(double_) ? absl::StrCat(double_) : "null");
      break;
    case Kind::kBool:
      absl::StrAppend(out, signed_ != 0 ? "true" : "false");
      break;
    case Kind::kDuration:  // Seconds.
      absl::StrAppend(out, absl::ToDoubleSeconds(duration_));
      break;
  }
}

}  // namespace msgproc::base
