#ifndef MSGPROC_SERVICES_BASE_IDENTITY_ESCAPED_H_
#define MSGPROC_SERVICES_BASE_IDENTITY_ESCAPED_H_

#include <cstddef>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace msgproc::base {

// What a stranger wrote, for a message: in quotes, ASCII only, not longer than
// a reader has use for.
inline std::string Escaped(absl::string_view text) {
  constexpr size_t kMostBytes = 64;
  return absl::StrCat("\"", absl::CEscape(text.substr(0, kMostBytes)),
                      text.size() > kMostBytes ? "..." : "", "\"");
}

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_IDENTITY_ESCAPED_H_
