#ifndef MSGPROC_SERVICES_PROCESSOR_EXECUTORS_EXECUTOR_H_
#define MSGPROC_SERVICES_PROCESSOR_EXECUTORS_EXECUTOR_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "common/state_dump.h"
#include "services/processor/executors/batch.h"

namespace msgproc::processor {

// Runs the handlers of batches: the one room in which Model I and Model II
// differ. Thread-safe.
class Executor {
 public:
  // How one session should cut and give its batches.
  struct Limits {
    // Batches of one session at the same time; what waits meanwhile travels
    // together in the next one.
    uint64_t max_batches = 1;
    // A batch is the share of what waits that leaves as much for each of the
    // others (guided self-scheduling, Polychronopoulos and Kuck 1987), and
    // within these bounds.
    uint64_t min_messages = UINT64_MAX;
    uint64_t max_messages = UINT64_MAX;
    size_t max_bytes = 1 << 20;
    // Execute returns every batch done: its messages may be views of memory
    // that is the caller's until then. The same for all of a binding's life.
    bool runs_at_once = false;

    // Messages of the next batch, where so many wait.
    uint64_t ShareOf(uint64_t pending) const {
      return std::clamp(pending / std::max<uint64_t>(1, max_batches),
                        std::min(min_messages, max_messages), max_messages);
    }
  };

  virtual ~Executor() = default;

  virtual Limits LimitsFor(const HandlerBinding& binding) const = 0;

  // Runs the batch. Returns it if it is done already; otherwise null, and the
  // batch is given to Batch::Done, exactly once (unless stopped), on any
  // thread, also before this returns. Never blocks for room: what waits here is
  // bounded by max_batches a session and by the sessions' windows.
  [[nodiscard]] virtual std::unique_ptr<Batch> Execute(
      std::unique_ptr<Batch> batch) = 0;

  // Where a message is that Execute was given and that has no result: for
  // operators. With a process id: that worker has it.
  struct Whereabouts {
    bool waiting = false;    // Nobody has begun with its batch.
    int64_t worker_pid = 0;  // 0: it is in this process.
  };
  virtual Whereabouts Find(uint64_t /*session_number*/,
                           uint64_t /*position*/) const {
    return {};
  }

  // For operators who debug: adds what it holds of a session. Never called
  // while a lock is held.
  virtual void AddDumps(uint64_t /*session_number*/, absl::Time /*now*/,
                        std::vector<StateDump>* /*dumps*/) const {}

  // Batches of the session that are out may not be wanted any more
  // (Batch::Wanted): whoever has them may be told. Never called while a lock is
  // held.
  virtual void OnAbandoned(uint64_t /*session_number*/) {}

  // Finishes the messages that are being handled and drops the batches, also
  // those that Execute brings from now on: nobody waits for them.
  virtual void Stop() {}
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_EXECUTORS_EXECUTOR_H_
