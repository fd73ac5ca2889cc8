#ifndef MSGPROC_SERVICES_PROCESSOR_HANDLERS_BUILTIN_H_
#define MSGPROC_SERVICES_PROCESSOR_HANDLERS_BUILTIN_H_

#include "absl/time/time.h"
#include "services/processor/handler_registry.h"

namespace msgproc::processor {

struct BuiltinOptions {
  // CPU time that `spin` burns for each message.
  absl::Duration spin = absl::Microseconds(10);
};

// Registers
//   echo       the payload and headers, unchanged
//   uppercase  the payload with a-z made A-Z
//   sha256     the payload's SHA-256, 32 bytes
//   spin       the payload, after burning CPU time; a header `spin-us` on the
//              message says how much, up to 10 s
void RegisterBuiltinHandlers(HandlerRegistry* registry,
                             const BuiltinOptions& options = {});

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_HANDLERS_BUILTIN_H_
