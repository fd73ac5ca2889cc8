#include "services/processor/live/write_worker.h"

#include <cstdint>

#include "services/processor/workers/worker_life.h"

namespace msgproc::processor {

void WriteWorker(const WorkerFacts& facts, absl::Time now,
                 base::JsonWriter* json) {
  const bool absent = facts.id == 0;
  json->BeginObject()
      .Number("slot", static_cast<uint64_t>(facts.slot))
      .Text("state", absent ? "absent" : WorkerPhaseName(facts.phase))
      .Number("restarts", facts.restarts)
      .Number("in_flight", facts.load.held_messages)
      .Number("sessions", uint64_t{facts.load.sessions})
      .Number("messages", facts.messages);
  if (!absent) {
    json->Number("pid", static_cast<uint64_t>(facts.pid))
        .Number("age_seconds", absl::ToDoubleSeconds(now - facts.started))
        .Number("memory", uint64_t{facts.memory});
  }
  if (facts.load.oldest < absl::InfiniteFuture()) {
    json->Number("oldest_seconds",
                 absl::ToDoubleSeconds(now - facts.load.oldest));
  }
  if (!facts.last_exit.empty()) {
    json->Text("last_exit", facts.last_exit)
        .Number("last_exit_seconds", absl::ToDoubleSeconds(now - facts.exited));
  }
  json->End();
}

}  // namespace msgproc::processor
