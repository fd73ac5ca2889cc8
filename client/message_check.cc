#include "client/message_check.h"

#include <cstddef>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/utf8.h"

namespace msgproc::client {

absl::Status CheckHeaders(absl::Span<const wire::HeaderView> headers) {
  if (headers.size() > wire::kMaxHeaders) {
    return absl::InvalidArgumentError(
        absl::StrCat("the message has ", headers.size(), " headers; at most ",
                     wire::kMaxHeaders, " are allowed"));
  }
  size_t bytes = 0;
  for (const wire::HeaderView& header : headers) {
    bytes += header.key.size() + header.value.size();
    if (!IsUtf8(header.key)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the header key '", absl::CHexEscape(header.key.substr(0, 64)),
          "' is not UTF-8"));
    }
  }
  if (bytes > wire::kMaxHeaderBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the message's headers have ", bytes,
                     " bytes, keys and values "
                     "together; at most ",
                     wire::kMaxHeaderBytes, " are allowed"));
  }
  return absl::OkStatus();
}

}  // namespace msgproc::client
