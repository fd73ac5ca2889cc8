#ifndef MSGPROC_CLIENT_RESULT_DECODING_H_
#define MSGPROC_CLIENT_RESULT_DECODING_H_

#include "client/message_stream.h"
#include "wire/frame.h"

namespace msgproc::client {

// Reads an encoded Error into `result`. What cannot be read is UNKNOWN.
void DecodeError(absl::string_view encoded, Result* result);

// A result as a caller sees it: views into the frame.
inline Result ToResult(const wire::ResultView& view) {
  Result result;
  result.sequence = view.sequence;
  result.payload = view.payload;
  result.headers = view.headers();
  if (view.failed) DecodeError(view.error, &result);
  return result;
}

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_RESULT_DECODING_H_
