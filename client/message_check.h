#ifndef MSGPROC_CLIENT_MESSAGE_CHECK_H_
#define MSGPROC_CLIENT_MESSAGE_CHECK_H_

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "wire/frame.h"

namespace msgproc::client {

// INVALID_ARGUMENT: what the server would end the whole stream for.
absl::Status CheckHeaders(absl::Span<const wire::HeaderView> headers);

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_MESSAGE_CHECK_H_
