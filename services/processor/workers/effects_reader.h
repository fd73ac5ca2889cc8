#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_EFFECTS_READER_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_EFFECTS_READER_H_

#include <cstdint>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/processor/handlers/message_effects.h"

namespace msgproc::processor {

// What the messages of one answer do to the store, by their sequence.
using FrameEffects = std::map<uint64_t, MessageEffects>;

// Reads the worker protocol's Effects into `all`. INVALID_ARGUMENT: they cannot
// be parsed, or their message has some already. Pure.
absl::Status ReadEffects(absl::string_view encoded, FrameEffects* all);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_EFFECTS_READER_H_
