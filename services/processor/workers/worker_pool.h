#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_POOL_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_POOL_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/base/unique_fd.h"
#include "services/processor/workers/supervisor.h"
#include "services/processor/workers/worker_life.h"
#include "services/processor/workers/worker_link.h"
#include "services/processor/workers/worker_options.h"
#include "services/processor/workers/worker_roster.h"
#include "services/processor/workers/worker_starter.h"

namespace msgproc::processor {

// Keeps the worker processes: starts them, reads what they say, kills those
// that must die, reaps the dead, replaces them as its Supervisor decides. One
// thread does all of it, and waits in epoll. Where this process is number 1 of
// a container it also reaps the orphans that it inherits.
class WorkerPool {
 public:
  // Whom the workers work for. All calls come from the pool's thread.
  class Owner {
   public:
    virtual ~Owner() = default;
    // The worker takes work.
    virtual void OnServing(const std::shared_ptr<WorkerLink>& link) = 0;
    // It gets no more: CloseInput is the owner's, once it holds nothing.
    virtual void OnRetired(WorkerLink* link) = 0;
    // Whether it holds messages over which workers have died before.
    virtual bool HoldsSuspects(WorkerLink* link) = 0;
    // It said something; there may be answers.
    virtual void OnAnswers(WorkerLink* link, absl::Time now) = 0;
    // It has ended, and will be forgotten. `how`: for people.
    virtual void OnGone(WorkerLink* link, absl::string_view how) = 0;
    // A few times while a message may take, and when TickBy says.
    virtual void OnTick(absl::Time now) = 0;
  };

  // `owner` outlives the pool.
  WorkerPool(const WorkerOptions& options, Owner* owner);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Returns once a worker serves. UNAVAILABLE: none can be started, and why.
  absl::Status Start();
  // Lets the workers leave, kills those that have not after `patience`, and
  // returns when there is none. Nothing is called any more.
  void Stop(absl::Duration patience);

  // New workers first, then the old ones retire. Any thread.
  void Replace();

  // Workers that serve; workers that were replaced, and why. Any thread.
  int serving() const { return serving_.load(std::memory_order_relaxed); }
  uint64_t departures(Departure reason) const;
  // Whom there is. Any thread.
  const WorkerRoster& roster() const { return roster_; }

  // For the owner, on the pool's thread.

  // Kills the worker; OnGone follows.
  void Kill(WorkerId worker, Departure why, absl::string_view reason);
  // Replaces the worker by a new one; OnRetired follows.
  void Retire(WorkerId worker, Departure why);
  // Asks for OnTick at `time`, at the latest.
  void TickBy(absl::Time time) { next_tick_ = std::min(next_tick_, time); }

 private:
  using Links = std::map<WorkerId, std::shared_ptr<WorkerLink>>;

  void Run();
  void Decide(absl::Time now);
  void StartWorker(const Supervisor::Actions::Start& start, absl::Time now);
  void Serve(const std::shared_ptr<WorkerLink>& link, absl::Time now);
  int WaitMilliseconds(absl::Time now) const;
  void HandleEvent(uint64_t event, absl::Time now);
  // False: there is nothing more to read.
  bool Read(const std::shared_ptr<WorkerLink>& link, absl::Time now);
  void OnExit(const std::shared_ptr<WorkerLink>& link, absl::Time now);
  void Tick(absl::Time now);
  void TickLink(const std::shared_ptr<WorkerLink>& link, absl::Time now);
  bool ToStop();
  void LetAllLeave(absl::Time now);
  void ReapInherited();
  void Fail(WorkerId last, absl::string_view how);
  std::string WhyEnded(WorkerId worker, absl::Time now) const;
  void Publish();
  std::shared_ptr<WorkerLink> Find(WorkerId worker) const;

  const WorkerOptions options_;
  Owner* const owner_;
  const absl::Duration tick_;
  const base::UniqueFd epoll_;
  const base::UniqueFd wake_;
  const bool reaps_orphans_;

  WorkerRoster roster_;

  // The thread's own.
  WorkerStarter starter_;
  Supervisor supervisor_;
  Links links_;
  absl::Time next_tick_;
  bool leaving_ = false;
  absl::Duration patience_;  // Of those that leave.
  bool failed_ = false;

  std::atomic<bool> replace_{false};
  std::atomic<int> serving_{0};
  std::array<std::atomic<uint64_t>, static_cast<size_t>(Departure::kCount)>
      departures_{};

  Mutex mutex_;
  CondVar changed_;
  bool stop_ MSGPROC_GUARDED_BY(mutex_) = false;
  absl::Duration stop_patience_ MSGPROC_GUARDED_BY(mutex_);
  // OK once a worker has served; UNKNOWN before.
  absl::Status started_ MSGPROC_GUARDED_BY(mutex_) = absl::UnknownError("");

  std::thread thread_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_POOL_H_
