#include "common/quoted.h"

#include "absl/strings/str_cat.h"
#include "common/utf8.h"

namespace msgproc {

std::string Quoted(absl::string_view text) {
  std::string quoted =
      absl::StrCat("'", TruncateUtf8(text, kMostQuotedBytes), "'");
  if (text.size() > kMostQuotedBytes) {
    absl::StrAppend(&quoted, " (the beginning of ", text.size(), " bytes)");
  }
  return quoted;
}

}  // namespace msgproc
