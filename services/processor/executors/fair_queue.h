#ifndef MSGPROC_SERVICES_PROCESSOR_EXECUTORS_FAIR_QUEUE_H_
#define MSGPROC_SERVICES_PROCESSOR_EXECUTORS_FAIR_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "absl/time/time.h"
#include "common/state_dump.h"
#include "services/processor/executors/batch.h"

namespace msgproc::processor {

// Which batch a thread of a pool runs next. Sessions take turns, however much
// each has waiting. While others are there, one session has at most half of the
// threads, rounded up, so that handlers that take long or for ever hold up
// nobody else's. Touches nothing outside: no threads, no clock of its own. Not
// thread-safe.
class FairQueue {
 public:
  // For how long a session that had work counts as being there.
  static constexpr absl::Duration kPresence = absl::Seconds(10);

  explicit FairQueue(size_t threads) : threads_(threads) {}

  void Push(std::unique_ptr<Batch> batch, absl::Time now);
  // The next one to run; null: none that may. Followed by OnDone once it ran.
  std::unique_ptr<Batch> Pop(absl::Time now);
  // A batch of the session, which Pop returned, is no longer run.
  void OnDone(uint64_t session_number, absl::Time now);

  // Checks what holds between two calls; true.
  bool CheckInvariants() const;

  // Of the queue, and of one session in it.
  StateDump DumpOf(uint64_t session_number, absl::Time now) const;

  // Takes out all that waits.
  std::vector<std::unique_ptr<Batch>> TakeAll();

 private:
  struct Session {
    std::deque<std::unique_ptr<Batch>> waiting;
    size_t running = 0;
    absl::Time last_active;
  };

  size_t MaxThreadsOfOne() const;
  void Tidy(absl::Time now);

  const size_t threads_;
  std::unordered_map<uint64_t, Session> sessions_;
  // Sessions with something waiting, each once.
  std::deque<Session*> turns_;
  absl::Time next_tidy_ = absl::InfinitePast();
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_EXECUTORS_FAIR_QUEUE_H_
