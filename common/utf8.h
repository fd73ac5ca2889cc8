#ifndef MSGPROC_COMMON_UTF8_H_
#define MSGPROC_COMMON_UTF8_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace msgproc {

// How many bytes the UTF-8 character at the front of `text` takes; 0: none is
// there. Overlong forms, surrogates and what is beyond U+10FFFF are none.
// https://www.rfc-editor.org/rfc/rfc3629#section-4
size_t Utf8Length(absl::string_view text);

// Whether all of `text` is UTF-8, as proto3 demands of a string.
bool IsUtf8(absl::string_view text);

// At most `max_bytes` of the text, cut between characters, with a question mark
// for each byte that is not part of one. For every text from elsewhere that
// leaves the process in a `string` field or a status: one broken character
// makes strict readers refuse the whole message.
std::string TruncateUtf8(absl::string_view text, size_t max_bytes);

}  // namespace msgproc

#endif  // MSGPROC_COMMON_UTF8_H_
