#include "services/processor/workers/worker_life.h"

#include "common/check.h"

namespace msgproc::processor {

absl::string_view WorkerPhaseName(WorkerPhase phase) {
  switch (phase) {
    case WorkerPhase::kStarting:
      return "starting";
    case WorkerPhase::kServing:
      return "serving";
    case WorkerPhase::kRetiring:
      return "retiring";
    case WorkerPhase::kLeaving:
      return "leaving";
    case WorkerPhase::kKilled:
      return "killed";
    case WorkerPhase::kGone:
      return "gone";
  }
  return "unknown";
}

absl::string_view DepartureName(Departure departure) {
  switch (departure) {
    case Departure::kExit:
      return "exit";
    case Departure::kSignal:
      return "signal";
    case Departure::kTimeout:
      return "timeout";
    case Departure::kProtocol:
      return "protocol";
    case Departure::kStart:
      return "start";
    case Departure::kMemory:
      return "memory";
    case Departure::kMessages:
      return "messages";
    case Departure::kReload:
      return "reload";
    case Departure::kCount:
      break;
  }
  return "unknown";
}

void WorkerLife::ChangePhase(WorkerPhase to) {
  MSGPROC_CHECK_LT(phase_, to);
  // Only who has work, or may have some, can have some left to finish.
  MSGPROC_CHECK(to != WorkerPhase::kRetiring || serving());
  phase_ = to;
}

}  // namespace msgproc::processor
