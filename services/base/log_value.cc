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

}  // namespace

void AppendJsonString(absl::string_view text, std::string* out) {
  *out += '"';
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const char c = text[0];
    if (length == 0) {
      *out += "\xEF\xBF\xBD";
    } else if (length > 1) {
      absl::StrAppend(out, text.substr(0, length));
    } else if (c == '"' || c == '\\') {
      *out += '\\';
      *out += c;
    } else if (c == '\n') {
      *out += "\\n";
    } else if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppendFormat(out, "\\u%04x", c);
    } else {
      *out += c;
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  *out += '"';
}

void AppendOneLine(absl::string_view text, std::string* out) {
  for (const char c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppendFormat(out, "\\x%02x", c);
    } else {
      *out += c;
    }
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
