#include "services/base/identity/principal_name.h"

#include <cstddef>

#include "absl/strings/str_cat.h"
#include "common/utf8.h"

namespace msgproc::base {
namespace {

unsigned char ByteAt(absl::string_view text, size_t i) {
  return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
}

// Of UTF-8: whether the character at `i` is one that is not to be seen.
bool IsControl(absl::string_view text, size_t i) {
  const unsigned char first = ByteAt(text, i);
  const unsigned char second = ByteAt(text, i + 1);
  const unsigned char third = ByteAt(text, i + 2);
  if (first < 0x20 || first == 0x7f) return true;
  // U+0080 to U+009F.
  if (first == 0xc2) return second <= 0x9f;
  if (first != 0xe2) return false;
  // U+2028 to U+202E: separators of lines and paragraphs, embeddings and
  // overrides of direction; U+2066 to U+2069: isolates.
  if (second == 0x80) return third >= 0xa8 && third <= 0xae;
  return second == 0x81 && third >= 0xa6 && third <= 0xa9;
}

}  // namespace

absl::Status CheckPrincipalName(absl::string_view name) {
  if (name.empty()) return absl::InvalidArgumentError("is empty");
  if (name.size() > kMaxPrincipalNameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("has ", name.size(), " bytes; at most ",
                     kMaxPrincipalNameBytes, " are taken"));
  }
  for (size_t i = 0; i < name.size();) {
    const size_t length = Utf8Length(name.substr(i));
    if (length == 0) return absl::InvalidArgumentError("is not UTF-8");
    if (IsControl(name, i)) {
      return absl::InvalidArgumentError("has control characters in it");
    }
    i += length;
  }
  return absl::OkStatus();
}

}  // namespace msgproc::base
