#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_LIMITS_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "wire/frame.h"

namespace msgproc::processor {

// Bounds of one session; rules 1, 2 and 6 of processor.proto.
struct SessionLimits {
  uint64_t max_batch_messages = 4096;
  size_t max_payload_bytes = 1 << 20;
  uint64_t max_outstanding_messages = 65536;
  uint64_t max_outstanding_bytes = 32 << 20;
  // Handlers pause while unreceived results exceed it.
  size_t max_result_bytes = 32 << 20;
};

// What a window may hold encoded, since waiting messages are kept so. It counts
// payloads and headers; what the encoding of many small headers may add is
// bounded by this.
uint64_t MaxEncodedBytes(const SessionLimits& limits);

// What a message may hold beside its payload and its headers: fields of later
// versions of the contract.
constexpr size_t kMaxUnknownBytes = 4 << 10;

// INVALID_ARGUMENT: which size of a message is beyond its bound. One must be.
absl::Status WrongSize(const wire::MessageView& message,
                       const SessionLimits& limits);

// INVALID_ARGUMENT: what is wrong with a message by itself, whatever came
// before it. Inline, as each message pays for it.
inline absl::Status CheckSizes(const wire::MessageView& message,
                               const SessionLimits& limits) {
  const size_t known = message.payload.size() + message.header_bytes;
  if (message.payload.size() <= limits.max_payload_bytes &&
      message.header_bytes <= wire::kMaxHeaderBytes &&
      message.header_count <= wire::kMaxHeaders &&
      message.window_bytes() - known <= kMaxUnknownBytes) {
    return absl::OkStatus();
  }
  return WrongSize(message, limits);
}

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_LIMITS_H_
