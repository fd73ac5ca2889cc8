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

// INVALID_ARGUMENT: what is wrong with a message by itself, whatever came
// before it.
absl::Status CheckSizes(const wire::MessageView& message,
                        const SessionLimits& limits);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_LIMITS_H_
