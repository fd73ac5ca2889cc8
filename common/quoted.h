#ifndef MSGPROC_COMMON_QUOTED_H_
#define MSGPROC_COMMON_QUOTED_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace msgproc {

// How much of a text from elsewhere an error repeats.
inline constexpr size_t kMostQuotedBytes = 128;

// A text from elsewhere, for an error's message: 'text', or where it is longer
// its beginning and how long it is. Statuses travel in HTTP/2 trailers, which
// clients limit to 8 KiB: one that repeats all of what was sent is not readable
// by who sent it.
std::string Quoted(absl::string_view text);

}  // namespace msgproc

#endif  // MSGPROC_COMMON_QUOTED_H_
