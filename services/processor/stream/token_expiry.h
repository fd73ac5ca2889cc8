#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_TOKEN_EXPIRY_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_TOKEN_EXPIRY_H_

#include <algorithm>

#include "absl/time/time.h"
#include "wire/proto_duration.h"

namespace msgproc::processor {

// Says in `message`, a Welcome or a ProcessResponse, how long the client's
// credentials hold; nothing where they have no end.
template <typename Message>
void SetTokenExpiresIn(absl::Duration left, Message* message) {
  if (left == absl::InfiniteDuration()) return;
  *message->mutable_token_expires_in() =
      wire::ToProto(std::max(left, absl::ZeroDuration()));
}

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_TOKEN_EXPIRY_H_
