#ifndef MSGPROC_SERVICES_PROCESSOR_HANDLERS_BUILTIN_H_
#define MSGPROC_SERVICES_PROCESSOR_HANDLERS_BUILTIN_H_

#include <optional>

#include "absl/time/time.h"
#include "services/processor/handlers/handler_registry.h"

namespace msgproc::processor {

// CPU time that `spin` burns for a message that does not say.
inline constexpr absl::Duration kDefaultSpin = absl::Microseconds(10);

struct BuiltinOptions {
  // Registers `spin`, which burns so much CPU time for a message that does not
  // say. For benchmarks and tests alone: any client can have all the CPU there
  // is.
  std::optional<absl::Duration> spin;
};

// Registers
//   echo       the payload and headers, unchanged
//   uppercase  the payload with a-z made A-Z
//   sha256     the payload's SHA-256, 32 bytes
//   spin       where options ask for it: the payload, after burning CPU time; a
//              header `spin-us` on the message says how much, up to 10 s
void RegisterBuiltinHandlers(HandlerRegistry* registry,
                             const BuiltinOptions& options = {});

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_HANDLERS_BUILTIN_H_
