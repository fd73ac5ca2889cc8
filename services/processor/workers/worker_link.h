#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_LINK_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_LINK_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "common/read_buffer.h"
#include "services/processor/workers/output_queue.h"
#include "services/processor/workers/response_tracker.h"
#include "services/processor/workers/work_item.h"
#include "services/processor/workers/worker_batch.h"
#include "services/processor/workers/worker_codec.h"
#include "services/processor/workers/worker_life.h"
#include "services/processor/workers/worker_process.h"
#include "services/processor/workers/worker_roster.h"

namespace msgproc::processor {

// One worker process and what passes to and from it. Shared by the pool, whose
// thread reads, and by whoever is writing.
//
// Any thread may write: what is pushed while one thread writes is written by
// that one, so that nobody waits for a system call of another. When the worker
// takes no more, the rest is written by the pool's thread once it does.
class WorkerLink {
 public:
  // `epoll` gets an event with WritableEvent(id) when there is room again.
  // `roster` is told of its life but for its end, and outlives it.
  WorkerLink(WorkerId id, int number, std::unique_ptr<WorkerProcess> process,
             std::unique_ptr<WorkerCodec> codec, int epoll,
             WorkerRoster* roster, absl::Time now);

  WorkerId id() const { return id_; }
  // The slot's number, as in logs and metrics.
  int number() const { return number_; }
  // Of the process, also once it is gone.
  pid_t pid() const { return pid_; }

  // Pushes messages of a worker batch. Not from two threads at once for one
  // link, nor together with Cancel. To be followed by Flush.
  void Push(const Assignment::Part& part, absl::Time now);
  // Pushes that nobody waits any more for a batch that was pushed.
  void Cancel(const WorkerBatch& work);
  // Writes what was pushed. Any thread, holding no lock.
  void Flush();
  // How many messages were pushed last and not written, not even in part: the
  // worker cannot have begun with them. What is being written counts as
  // written.
  uint64_t Unwritten();

  // What follows is for the pool's thread alone.

  // Has the worker finish and exit, if it serves or retires; what was not
  // written yet never will be.
  void CloseInput(absl::Time now, absl::string_view why);

  enum class ReadOutcome {
    kAnswers,  // Perhaps.
    kNothing,  // Nothing more for now.
    kEnd,      // The worker says nothing any more.
    kBreach,   // The worker broke the protocol: `breach`.
  };
  // Reads once.
  ReadOutcome Read(absl::Time now, absl::Status* breach);
  // See ResponseTracker::TakeAnswered.
  void TakeAnswered(std::vector<uint64_t>* answered) {
    responses_.TakeAnswered(answered);
  }
  // What the handlers took, since the last call.
  absl::Duration TakeBusy() { return responses_.TakeBusy(); }

  WorkerProcess* process() { return process_.get(); }
  const WorkerCodec& codec() const { return *codec_; }

  // Where its life is, and since when.
  const WorkerLife& life() const { return life_; }
  absl::Time since() const { return since_; }
  absl::Time started() const { return started_; }
  // Checks and logs the change.
  void ChangePhase(WorkerPhase to, absl::Time now, absl::string_view why);

  // Somebody was told that it takes long: to be ready, to answer at all.
  bool warned = false;
  // Of one that was killed: why.
  Departure departure = Departure::kExit;
  std::string kill_reason;

  static uint64_t ReadableEvent(WorkerId id) { return id << 2; }
  static uint64_t WritableEvent(WorkerId id) { return id << 2 | 1; }
  static uint64_t ExitEvent(WorkerId id) { return id << 2 | 2; }

 private:
  void WaitForRoom() MSGPROC_REQUIRES(mutex_);

  const WorkerId id_;
  const int number_;
  const std::unique_ptr<WorkerProcess> process_;
  const pid_t pid_;
  const std::unique_ptr<WorkerCodec> codec_;
  const int epoll_;
  WorkerRoster* const roster_;

  // Push's, to keep their memory.
  std::vector<OutFrame> frames_;

  Mutex mutex_;
  OutputQueue pushed_ MSGPROC_GUARDED_BY(mutex_);
  std::vector<ResponseTracker::Expected> expected_ MSGPROC_GUARDED_BY(mutex_);
  absl::Time expected_at_ MSGPROC_GUARDED_BY(mutex_);
  bool writing_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool watched_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool closing_ MSGPROC_GUARDED_BY(mutex_) = false;
  // Belongs to the thread that set writing_.
  OutputQueue out_;

  // The pool's.
  WorkerLife life_;
  const absl::Time started_;
  absl::Time since_;
  ResponseTracker responses_;
  std::vector<ResponseTracker::Expected> newly_expected_;
  ReadBuffer buffer_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_LINK_H_
