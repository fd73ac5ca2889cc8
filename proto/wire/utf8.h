#ifndef MSGPROC_PROTO_WIRE_UTF8_H_
#define MSGPROC_PROTO_WIRE_UTF8_H_

#include <string>

#include "absl/strings/string_view.h"

// A `string` of Protocol Buffers holds UTF-8. A frame with one that does not is
// refused as a whole by the generated classes of most languages.
namespace msgproc::wire {

// Whether it is well-formed UTF-8 (RFC 3629).
bool IsUtf8(absl::string_view text);

// At most `max_bytes` of the text, cut between characters, with a question mark
// for each byte that is not part of one.
std::string ToUtf8(absl::string_view text, size_t max_bytes);

}  // namespace msgproc::wire

#endif  // MSGPROC_PROTO_WIRE_UTF8_H_
