#include "services/processor/workers/worker_pool.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/clock.h"
#include "services/base/log.h"
#include "services/processor/workers/orphan_reaper.h"

namespace msgproc::processor {
namespace {

using base::LogError;
using base::LogInfo;
using base::LogWarning;

constexpr uint64_t kWakeEvent = UINT64_MAX;
constexpr int kMaxEvents = 64;
// A filter that lives this long has been found and runs.
constexpr absl::Duration kLineWorkerStart = absl::Milliseconds(50);
constexpr char kIsItAFilter[] =
    "; if it is a filter that reads and writes lines, and does not speak the "
    "worker protocol: --worker_lines";
// A worker that has not said by then that it is ready is worth a warning.
constexpr absl::Duration kLongStart = absl::Seconds(3);

}  // namespace

WorkerPool::WorkerPool(const WorkerOptions& options, Owner* owner)
    : options_(options),
      owner_(owner),
      tick_(std::clamp(options.handler_timeout / 8, absl::Milliseconds(5),
                       absl::Seconds(1))),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      reaps_orphans_(InheritsOrphans()),
      roster_(options.count),
      starter_(options_, epoll_.get(), &roster_),
      supervisor_(
          {.workers = options.count, .start_timeout = options.start_timeout}),
      patience_(options.leave_timeout) {
  WorkerStarter::Watch(epoll_.get(), wake_.get(), kWakeEvent);
}

WorkerPool::~WorkerPool() { Stop(absl::ZeroDuration()); }

absl::Status WorkerPool::Start() {
  MSGPROC_CHECK(!thread_.joinable());
  // A worker that dies while it is written to is no reason to end.
  std::signal(SIGPIPE, SIG_IGN);
  // Children are waited for, whatever this process was started with.
  std::signal(SIGCHLD, SIG_DFL);
  thread_ = std::thread([this] { Run(); });
  absl::Status status;
  {
    MutexLock lock(&mutex_);
    while (absl::IsUnknown(started_)) changed_.Wait(&mutex_);
    status = started_;
  }
  if (!status.ok()) Stop(absl::ZeroDuration());
  return status;
}

void WorkerPool::Stop(absl::Duration patience) {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(&mutex_);
    stop_ = true;
    stop_patience_ = patience;
  }
  eventfd_write(wake_.get(), 1);
  thread_.join();
}

void WorkerPool::Replace() {
  replace_ = true;
  eventfd_write(wake_.get(), 1);
}

uint64_t WorkerPool::departures(Departure reason) const {
  return departures_[static_cast<size_t>(reason)].load(
      std::memory_order_relaxed);
}

std::shared_ptr<WorkerLink> WorkerPool::Find(WorkerId worker) const {
  const auto found = links_.find(worker);
  return found == links_.end() ? nullptr : found->second;
}

void WorkerPool::Kill(WorkerId worker, Departure why,
                      absl::string_view reason) {
  const std::shared_ptr<WorkerLink> link = Find(worker);
  if (link == nullptr || link->life().phase() == WorkerPhase::kKilled) return;
  LogWarning("worker killed", {{"worker", link->number()},
                               {"pid", link->process()->pid()},
                               {"why", DepartureName(why)},
                               {"reason", reason}});
  link->ChangePhase(WorkerPhase::kKilled, Clock::Monotonic()->Now(), reason);
  link->departure = why;
  link->kill_reason = std::string(reason);
  link->process()->Kill();
}

// Of a worker that has not become ready.
std::string WorkerPool::WhyEnded(WorkerId worker, absl::Time now) const {
  const std::shared_ptr<WorkerLink> link = Find(worker);
  if (link == nullptr || now - link->started() < options_.start_timeout) {
    return "it is not wanted any more";
  }
  return absl::StrCat("it has not said within ",
                      absl::FormatDuration(options_.start_timeout),
                      " (--worker_start_timeout) that it is ready",
                      options_.command.empty() ? "" : kIsItAFilter);
}

void WorkerPool::Retire(WorkerId worker, Departure why) {
  supervisor_.Replace(worker, why);
}

void WorkerPool::Run() {
  epoll_event events[kMaxEvents];
  while (true) {
    absl::Time now = Clock::Monotonic()->Now();
    if (!leaving_ && ToStop()) LetAllLeave(now);
    if (leaving_ && links_.empty()) break;
    if (!leaving_) Decide(now);
    const int count =
        epoll_wait(epoll_.get(), events, kMaxEvents, WaitMilliseconds(now));
    now = Clock::Monotonic()->Now();
    for (int i = 0; i < count; ++i) HandleEvent(events[i].data.u64, now);
    if (now >= next_tick_) Tick(now);
  }
}

int WorkerPool::WaitMilliseconds(absl::Time now) const {
  absl::Time until = next_tick_;
  if (!leaving_) until = std::min(until, supervisor_.NextDecision());
  for (const auto& [id, link] : links_) {
    if (link->life().starting() && !link->codec().says_ready()) {
      until = std::min(until, link->started() + kLineWorkerStart);
    }
  }
  const int64_t wait = absl::ToInt64Milliseconds(until - now) + 1;
  return static_cast<int>(std::clamp<int64_t>(wait, 1, 1000));
}

void WorkerPool::Decide(absl::Time now) {
  if (replace_.exchange(false)) {
    LogInfo("replacing all workers");
    supervisor_.Replace();
  }
  const Supervisor::Actions actions = supervisor_.Decide(now);
  for (const auto& start : actions.start) StartWorker(start, now);
  for (const WorkerId worker : actions.retire) {
    const std::shared_ptr<WorkerLink> link = Find(worker);
    if (link == nullptr) continue;
    if (!link->life().serving()) continue;
    link->ChangePhase(WorkerPhase::kRetiring, now, "its successor serves");
    LogInfo("worker retires",
            {{"worker", link->number()}, {"pid", link->process()->pid()}});
    owner_->OnRetired(link.get());
  }
  for (const WorkerId worker : actions.kill) {
    Kill(worker, Departure::kStart, WhyEnded(worker, now));
  }
  if (supervisor_.TakeAbandoned()) {
    LogError("the new workers do not start; the old ones stay");
  }
  Publish();
}

void WorkerPool::Publish() {
  serving_.store(supervisor_.serving(), std::memory_order_relaxed);
  for (size_t i = 0; i < departures_.size(); ++i) {
    departures_[i].store(supervisor_.departures(static_cast<Departure>(i)),
                         std::memory_order_relaxed);
  }
}

void WorkerPool::StartWorker(const Supervisor::Actions::Start& start,
                             absl::Time now) {
  auto link = starter_.Start(start.worker, start.slot, now);
  if (!link.ok()) {
    LogError("worker not started",
             {{"worker", start.slot}, {"why", link.status().message()}});
    roster_.OnNotStarted(start.slot, link.status().message(), now);
    supervisor_.OnGone(start.worker, Departure::kExit, now);
    if (supervisor_.Hopeless(now)) Fail(start.worker, link.status().message());
    return;
  }
  const bool added = links_.emplace(start.worker, *link).second;
  MSGPROC_CHECK(added);
  (*link)->Flush();
}

void WorkerPool::Serve(const std::shared_ptr<WorkerLink>& link,
                       absl::Time now) {
  link->ChangePhase(WorkerPhase::kServing, now, "it is ready");
  supervisor_.OnReady(link->id(), now);
  LogInfo("worker serves", {{"worker", link->number()},
                            {"pid", link->process()->pid()},
                            {"after", now - link->started()}});
  Publish();
  owner_->OnServing(link);
  MutexLock lock(&mutex_);
  if (!absl::IsUnknown(started_)) return;
  started_ = absl::OkStatus();
  changed_.SignalAll();
}

void WorkerPool::HandleEvent(uint64_t event, absl::Time now) {
  if (event == kWakeEvent) {
    eventfd_t count;
    eventfd_read(wake_.get(), &count);
    return;
  }
  const std::shared_ptr<WorkerLink> link = Find(event >> 2);
  if (link == nullptr) return;  // Gone by an event before this one.
  if (event == WorkerLink::WritableEvent(link->id())) {
    link->Flush();
  } else if (event == WorkerLink::ReadableEvent(link->id())) {
    Read(link, now);
  } else {
    OnExit(link, now);
  }
}

bool WorkerPool::Read(const std::shared_ptr<WorkerLink>& link, absl::Time now) {
  absl::Status breach;
  const WorkerLink::ReadOutcome outcome = link->Read(now, &breach);
  if (outcome == WorkerLink::ReadOutcome::kNothing) return false;
  if (link->life().starting() && link->codec().says_ready() &&
      link->codec().ready()) {
    Serve(link, now);
  }
  owner_->OnAnswers(link.get(), now);
  if (outcome == WorkerLink::ReadOutcome::kAnswers) return true;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, link->process()->from(), nullptr);
  if (outcome == WorkerLink::ReadOutcome::kBreach) {
    const bool began = !link->life().starting() || options_.command.empty();
    Kill(link->id(), Departure::kProtocol,
         absl::StrCat(breach.message(), began ? "" : kIsItAFilter));
  } else if (link->life().phase() != WorkerPhase::kLeaving) {
    // It says nothing any more and was not told to leave. If it is about to
    // exit, this does not change how.
    link->process()->Kill();
  }
  return false;
}

void WorkerPool::OnExit(const std::shared_ptr<WorkerLink>& link,
                        absl::Time now) {
  // What it said before counts. (Once it has broken the protocol, or said its
  // last, there is nothing to read.)
  while (!(link->life().phase() == WorkerPhase::kKilled &&
           link->departure == Departure::kProtocol) &&
         Read(link, now)) {
  }
  const pid_t pid = link->process()->pid();
  const WorkerExit exit = starter_.Reap(link.get());
  const WorkerPhase before = link->life().phase();
  const bool killed = before == WorkerPhase::kKilled;
  if (!killed) {
    link->departure = exit.signalled ? Departure::kSignal : Departure::kExit;
  }
  const std::string how =
      killed ? absl::StrCat(DepartureName(link->departure), ", ",
                            exit.Describe(), ": ", link->kill_reason)
             : exit.Describe();
  link->ChangePhase(WorkerPhase::kGone, now, how);
  const bool left =
      before == WorkerPhase::kRetiring || before == WorkerPhase::kLeaving;
  roster_.OnGone(link->id(), left ? absl::StrCat("left, ", how) : how, now);
  if (left) {
    LogInfo("worker left",
            {{"worker", link->number()}, {"pid", pid}, {"how", how}});
  } else {
    LogWarning("worker died", {{"worker", link->number()},
                               {"pid", pid},
                               {"how", how},
                               {"lived", now - link->started()}});
  }
  const size_t erased = links_.erase(link->id());
  MSGPROC_CHECK_EQ(erased, 1u);
  supervisor_.OnGone(link->id(), link->departure, now,
                     owner_->HoldsSuspects(link.get()));
  Publish();
  owner_->OnGone(link.get(), how);
  if (!leaving_ && supervisor_.Hopeless(now)) Fail(link->id(), how);
}

void WorkerPool::Fail(WorkerId last, absl::string_view how) {
  if (std::exchange(failed_, true)) return;
  const std::string words = starter_.LastWords(last);
  const absl::Status status = absl::UnavailableError(absl::StrCat(
      "No worker can be started (", starter_.program(), "): ", how,
      words.empty() ? "" : absl::StrCat("; it wrote last: ", words)));
  bool before_start;
  {
    MutexLock lock(&mutex_);
    before_start = absl::IsUnknown(started_);
    if (before_start) started_ = status;
    changed_.SignalAll();
  }
  if (!before_start && options_.on_failure) options_.on_failure(status);
}

bool WorkerPool::ToStop() {
  MutexLock lock(&mutex_);
  if (stop_) patience_ = stop_patience_;
  return stop_;
}

void WorkerPool::LetAllLeave(absl::Time now) {
  leaving_ = true;
  for (const auto& [id, link] : links_) {
    if (link->life().phase() == WorkerPhase::kKilled) continue;
    const bool may_finish =
        !link->life().starting() && patience_ > absl::ZeroDuration();
    link->CloseInput(now, "the processor stops");
    if (link->life().starting()) {
      link->ChangePhase(WorkerPhase::kLeaving, now, "the processor stops");
    }
    if (!may_finish) link->process()->Kill();
  }
}

void WorkerPool::Tick(absl::Time now) {
  next_tick_ = now + tick_;
  const Links links = links_;
  for (const auto& [id, link] : links) TickLink(link, now);
  owner_->OnTick(now);
  if (reaps_orphans_) ReapInherited();
}

void WorkerPool::TickLink(const std::shared_ptr<WorkerLink>& link,
                          absl::Time now) {
  if (link->life().starting() && !link->codec().says_ready() &&
      now - link->started() >= kLineWorkerStart) {
    Serve(link, now);
  }
  if (link->life().starting() && !link->warned &&
      now - link->started() > kLongStart) {
    link->warned = true;
    LogWarning(absl::StrCat("worker has not said yet that it is ready",
                            options_.command.empty() ? "" : kIsItAFilter),
               {{"worker", link->number()}, {"pid", link->process()->pid()}});
  }
  if (link->life().phase() == WorkerPhase::kLeaving &&
      now - link->since() > patience_) {
    // It has answered everything: nothing is lost.
    link->process()->Kill();
  }
  if (options_.max_memory > 0 && link->life().serving() &&
      link->process()->Memory() > options_.max_memory) {
    supervisor_.Replace(link->id(), Departure::kMemory);
  }
}

// As process 1 of a container: what handlers start and leave behind.
void WorkerPool::ReapInherited() {
  ReapOrphans([this](pid_t pid) {
    return starter_.Owns(pid) ||
           std::any_of(links_.begin(), links_.end(), [pid](const auto& each) {
             return each.second->process()->pid() == pid;
           });
  });
}

}  // namespace msgproc::processor
