#include "services/processor/session/session_limits.h"

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace msgproc::processor {

uint64_t MaxEncodedBytes(const SessionLimits& limits) {
  return limits.max_outstanding_bytes * 4 +
         limits.max_outstanding_messages * wire::kEncodingBytes * 2;
}

absl::Status WrongSize(const wire::MessageView& message,
                       const SessionLimits& limits) {
  if (message.payload.size() > limits.max_payload_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "The payload of message ", message.sequence, " has ",
        message.payload.size(), " bytes; at most ", limits.max_payload_bytes,
        " are allowed (max_payload_bytes)."));
  }
  if (message.header_bytes > wire::kMaxHeaderBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("The headers of message ", message.sequence, " have ",
                     message.header_bytes, " bytes; at most ",
                     wire::kMaxHeaderBytes, " are allowed."));
  }
  if (message.header_count > wire::kMaxHeaders) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Message ", message.sequence, " has ", message.header_count,
        " headers; at most ", wire::kMaxHeaders, " are allowed."));
  }
  const size_t unknown =
      message.window_bytes() - message.payload.size() - message.header_bytes;
  MSGPROC_CHECK_GT(unknown, kMaxUnknownBytes);
  return absl::InvalidArgumentError(
      absl::StrCat("Message ", message.sequence, " has ", unknown,
                   " bytes beside its payload and its headers; at most ",
                   kMaxUnknownBytes, " are allowed."));
}

}  // namespace msgproc::processor
