#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_LIFE_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_LIFE_H_

#include "absl/strings/string_view.h"

namespace msgproc::processor {

// A worker process's life. Phases never go back, and may be left out:
//
//   starting --> serving --> retiring --> leaving --> gone
//       |           |            |           |          ^
//       '-----------'------------'-----------'-> killed '
enum class WorkerPhase {
  kStarting,  // Its process was started and is not ready yet.
  kServing,   // It takes work.
  kRetiring,  // It gets no more work, and finishes what it holds.
  kLeaving,   // It is to exit: it was told so by the end of its input, or, when
              // the processor stops, by a signal.
  kKilled,    // It was killed for a Departure.
  kGone,      // Its process has ended.
};
absl::string_view WorkerPhaseName(WorkerPhase phase);

// Why a worker's place was given to another.
enum class Departure {
  kExit,      // It ended by itself.
  kSignal,    // A signal ended it: a crash, or somebody's kill.
  kTimeout,   // It was silent over a message for too long.
  kProtocol,  // It broke the worker protocol.
  kStart,     // It never became ready.
  kMemory,    // It grew over --worker_max_memory.
  kMessages,  // It had its --worker_max_messages.
  kReload,    // SIGHUP.
  kCount,
};
// As metrics and logs have it: "exit", "signal", …
absl::string_view DepartureName(Departure departure);

// A worker's phase in the books of one class. The link of the worker has the
// whole life; the Supervisor and the Dispatcher have the part that they are
// told of. Not thread-safe.
class WorkerLife {
 public:
  WorkerLife() = default;
  explicit WorkerLife(WorkerPhase phase) : phase_(phase) {}

  WorkerPhase phase() const { return phase_; }
  bool starting() const { return phase_ == WorkerPhase::kStarting; }
  bool serving() const { return phase_ == WorkerPhase::kServing; }

  // Checks that the life may go on like that.
  void ChangePhase(WorkerPhase to);

 private:
  WorkerPhase phase_ = WorkerPhase::kStarting;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_LIFE_H_
