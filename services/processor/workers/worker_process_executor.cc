#include "services/processor/workers/worker_process_executor.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/clock.h"
#include "services/base/log.h"
#include "services/processor/workers/batch_limits.h"
#include "services/processor/workers/line_refusals.h"

namespace msgproc::processor {
namespace {

// A filter that has not answered by then is worth a warning.
constexpr absl::Duration kLongSilence = absl::Seconds(3);
constexpr char kBuffers[] =
    "; it has never answered: does it buffer its output? Filters have to write "
    "each line at once, as with sed -u, grep --line-buffered, awk with "
    "fflush(), or stdbuf -oL";
constexpr absl::Duration kTidyEvery = absl::Seconds(1);

void Add(std::atomic<uint64_t>* counter, uint64_t count) {
  counter->fetch_add(count, std::memory_order_relaxed);
}

// With all its results; the worker batch is free again.
std::unique_ptr<Batch> TakeFinished(WorkerBatch* work) {
  MSGPROC_CHECK(work->batch != nullptr);
  PutInRefusals(work);
  MSGPROC_CHECK_EQ(work->item.remaining(), 0u);
  if (work->batch->binding->traits.workers_commit) {
    work->batch->committed_by_worker =
        work->batch->size - (work->given_up ? 1 : 0);
  }
  work->pieces.clear();
  work->batch->affinity = work->item.worker;
  return std::move(work->batch);
}

}  // namespace

absl::StatusOr<std::unique_ptr<WorkerProcessExecutor>>
WorkerProcessExecutor::Start(WorkerOptions options) {
  if (absl::Status status = Validate(options).AsStatus(); !status.ok()) {
    return status;
  }
  std::unique_ptr<WorkerProcessExecutor> executor(
      new WorkerProcessExecutor(std::move(options)));
  if (absl::Status status = executor->pool_.Start(); !status.ok()) {
    return status;
  }
  return executor;
}

WorkerProcessExecutor::WorkerProcessExecutor(WorkerOptions options)
    : options_(std::move(options)),
      counters_(options_.count),
      dispatcher_({.workers = options_.count,
                   .max_attempts = options_.max_delivery_attempts,
                   .message_timeout = options_.handler_timeout,
                   .wanted =
                       [](const WorkItem& item) {
                         return item.batch->batch->Wanted();
                       }}),
      contexts_(options_.handler_timeout),
      pool_(options_, this) {}

WorkerProcessExecutor::~WorkerProcessExecutor() { Stop(); }

Executor::Limits WorkerProcessExecutor::LimitsFor(
    const HandlerBinding& binding) const {
  return BatchLimits(binding, options_.count,
                     counters_.waiting.load(std::memory_order_relaxed));
}

std::unique_ptr<Batch> WorkerProcessExecutor::Execute(
    std::unique_ptr<Batch> batch) {
  const absl::Time now = Clock::Monotonic()->Now();
  Todo todo;
  WorkerBatch* work;
  bool refused = false;
  {
    MutexLock lock(&mutex_);
    if (stopped_) {
      lock.Unlock();
      batch.reset();
      return nullptr;
    }
    work = batches_.Take(std::move(batch));
    if (options_.lines) {
      refused = TakeOutRefusals(work);
    } else {
      work->context = contexts_.Of(*work->batch);
    }
    if (!refused) {
      dispatcher_.Enqueue(&work->item, now);
      Dispatch(now, &todo);
    }
  }
  todo.Do();
  if (!refused) return nullptr;
  batch = TakeFinished(work);
  MutexLock lock(&mutex_);
  batches_.Release(work);
  return batch;
}

void WorkerProcessExecutor::OnAbandoned(uint64_t session_number) {
  Todo todo;
  {
    MutexLock lock(&mutex_);
    for (const auto& link : links_) {
      bool told = false;
      for (const WorkItem* item :
           dispatcher_.HeldOf(link->id(), session_number)) {
        if (item->batch->batch->Wanted()) continue;
        link->Cancel(*item->batch);
        told = true;
      }
      if (told) todo.links.push_back(link);
    }
  }
  todo.Do();
}

void WorkerProcessExecutor::Todo::Do() {
  for (const auto& link : links) link->Flush();
  links.clear();
  dropped.clear();
}

void WorkerProcessExecutor::Dispatch(absl::Time now, Todo* todo) {
  while (dispatcher_.NextAssignment(now, &assignment_)) {
    const auto found =
        std::find_if(links_.begin(), links_.end(),
                     [worker = assignment_.worker](const auto& link) {
                       return link->id() == worker;
                     });
    // Its books name those that were served, and are not gone.
    MSGPROC_CHECK(found != links_.end());
    for (const Assignment::Part& part : assignment_.parts) {
      (*found)->Push(part, now);
    }
    CountHeld(found->get());
    if (todo->links.empty() || todo->links.back() != *found) {
      todo->links.push_back(*found);
    }
  }
  for (WorkItem* item : dispatcher_.TakeUnwanted()) {
    WorkerBatch* work = item->batch;
    todo->dropped.push_back(std::move(work->batch));
    batches_.Release(work);
  }
  counters_.waiting.store(dispatcher_.waiting(), std::memory_order_relaxed);
}

void WorkerProcessExecutor::CountHeld(WorkerLink* link) {
  counters_.slots[static_cast<size_t>(link->number())].held.store(
      dispatcher_.held(link->id()), std::memory_order_relaxed);
}

void WorkerProcessExecutor::OnServing(const std::shared_ptr<WorkerLink>& link) {
  const absl::Time now = Clock::Monotonic()->Now();
  {
    MutexLock lock(&mutex_);
    MSGPROC_CHECK(link->life().serving());
    links_.push_back(link);
    dispatcher_.AddWorker(link->id(), now);
    Dispatch(now, &todo_);
    pool_.TickBy(dispatcher_.NextDecision(now));
  }
  todo_.Do();
}

void WorkerProcessExecutor::OnRetired(WorkerLink* link) {
  const absl::Time now = Clock::Monotonic()->Now();
  bool idle;
  {
    MutexLock lock(&mutex_);
    dispatcher_.RetireWorker(link->id(), now);
    idle = dispatcher_.Idle(link->id());
    Dispatch(now, &todo_);
    pool_.TickBy(dispatcher_.NextDecision(now));
  }
  todo_.Do();
  if (idle) link->CloseInput(now, "it holds nothing");
}

void WorkerProcessExecutor::OnAnswers(WorkerLink* link, absl::Time now) {
  link->TakeAnswered(&answered_);
  if (answered_.empty()) return;
  WorkerCounters::Slot& slot =
      counters_.slots[static_cast<size_t>(link->number())];
  Add(&slot.busy_nanoseconds,
      static_cast<uint64_t>(absl::ToInt64Nanoseconds(link->TakeBusy())));
  bool idle = false;
  bool worn_out = false;
  uint64_t messages = 0;
  {
    MutexLock lock(&mutex_);
    for (const uint64_t answered : answered_) {
      messages += answered;
      WorkItem* complete = dispatcher_.OnAnswered(link->id(), answered, now);
      if (complete != nullptr) {
        finished_.push_back(complete->batch);
      }
    }
    Dispatch(now, &todo_);
    CountHeld(link);
    idle = link->life().phase() == WorkerPhase::kRetiring &&
           dispatcher_.Idle(link->id());
    worn_out = options_.max_messages > 0 && link->life().serving() &&
               dispatcher_.given(link->id()) >= options_.max_messages;
  }
  // The worker's next work before the results of its last.
  todo_.Do();
  Add(&slot.messages, messages);
  if (idle) link->CloseInput(now, "it holds nothing");
  if (worn_out) pool_.Retire(link->id(), Departure::kMessages);
  Finish(&finished_);
}

void WorkerProcessExecutor::OnGone(WorkerLink* link, absl::string_view how) {
  const absl::Time now = Clock::Monotonic()->Now();
  const DeadWorker worker = {.id = link->id(),
                             .number = link->number(),
                             .how = std::string(how),
                             .unwritten = link->Unwritten()};
  std::vector<WorkItem*> unsettled;
  {
    MutexLock lock(&mutex_);
    links_.erase(
        std::remove_if(links_.begin(), links_.end(),
                       [link](const auto& each) { return each.get() == link; }),
        links_.end());
    dispatcher_.RetireWorker(worker.id, now);
    if (options_.commits && !stopped_) unsettled = dispatcher_.Held(worker.id);
  }
  if (!unsettled.empty()) {
    // As a rule on a thread of the store's; what time alone decides waits for
    // the next tick then.
    const auto estate = std::make_shared<WorkerEstate>(worker, unsettled);
    return estate->Reclaim([this, estate] { OnSettled(estate.get()); });
  }
  PassOn(worker, &finished_);
  {
    MutexLock lock(&mutex_);
    pool_.TickBy(dispatcher_.NextDecision(now));
  }
  Finish(&finished_);
}

void WorkerProcessExecutor::OnSettled(WorkerEstate* estate) {
  const WorkerId worker = estate->worker().id;
  std::vector<WorkerBatch*> finished;
  {
    MutexLock lock(&mutex_);
    // Which commits in order: behind the first that it has not there is none.
    bool all = true;
    for (WorkItem* item : dispatcher_.Held(worker)) {
      if (!all) break;
      const uint64_t committed = estate->TakeCommitted(item->batch);
      all = committed == item->remaining();
      if (committed == 0) continue;
      WorkItem* const complete =
          dispatcher_.OnAnswered(worker, committed, Clock::Monotonic()->Now());
      if (complete != nullptr) finished.push_back(complete->batch);
    }
  }
  PassOn(estate->worker(), &finished);
  Finish(&finished);
}

void WorkerProcessExecutor::PassOn(const DeadWorker& worker,
                                   std::vector<WorkerBatch*>* finished) {
  const absl::Time now = Clock::Monotonic()->Now();
  std::vector<WorkItem*> given_up;
  std::vector<WorkerDeath> deaths;
  Todo todo;
  {
    MutexLock lock(&mutex_);
    const std::vector<WorkItem*> items = dispatcher_.Held(worker.id);
    const uint64_t held =
        dispatcher_.RemoveWorker(worker.id, now, worker.unwritten, &given_up);
    counters_.slots[static_cast<size_t>(worker.number)].held.store(
        0, std::memory_order_relaxed);
    deaths = DeathsOver(items);
    Add(&counters_.retries, held - given_up.size());
    Add(&counters_.given_up, given_up.size());
    for (WorkItem* item : given_up) {
      WorkerBatch* work = item->batch;
      AppendGivenUp(work, worker.how);
      if (options_.commits) EndBehindGivenUp(work);
      if (dispatcher_.GiveUp(item)) finished->push_back(work);
    }
    Dispatch(now, &todo);
  }
  for (const WorkerDeath& death : deaths) death.Tell();
  todo.Do();
}

void WorkerProcessExecutor::OnTick(absl::Time now) {
  std::vector<WorkerId> overdue;
  std::vector<WorkerId> never_answered;
  {
    MutexLock lock(&mutex_);
    overdue = dispatcher_.Overdue(now);
    never_answered = NeverAnswered(now);
    if (now >= next_tidy_) {
      next_tidy_ = now + kTidyEvery;
      dispatcher_.Tidy(now);
      contexts_.Tidy();
    }
    Dispatch(now, &todo_);
    pool_.TickBy(dispatcher_.NextDecision(now));
  }
  todo_.Do();
  for (const WorkerId worker : never_answered) WarnOfBuffering(worker);
  for (const WorkerId worker : overdue) {
    const bool never = std::find(never_answered.begin(), never_answered.end(),
                                 worker) != never_answered.end();
    pool_.Kill(worker, Departure::kTimeout,
               absl::StrCat("no answer for ",
                            absl::FormatDuration(options_.handler_timeout),
                            " (--handler_timeout)", never ? kBuffers : ""));
  }
}

// Filters that have been silent for a while and have never answered.
std::vector<WorkerId> WorkerProcessExecutor::NeverAnswered(
    absl::Time now) const {
  if (!options_.lines) return {};
  std::vector<WorkerId> never_answered =
      dispatcher_.Silent(now, std::min(options_.handler_timeout, kLongSilence));
  never_answered.erase(
      std::remove_if(never_answered.begin(), never_answered.end(),
                     [this](WorkerId worker) MSGPROC_REQUIRES(mutex_) {
                       return dispatcher_.held(worker) !=
                              dispatcher_.given(worker);
                     }),
      never_answered.end());
  return never_answered;
}

void WorkerProcessExecutor::WarnOfBuffering(WorkerId worker) {
  std::shared_ptr<WorkerLink> link;
  {
    MutexLock lock(&mutex_);
    for (const auto& each : links_) {
      if (each->id() == worker) link = each;
    }
  }
  if (link == nullptr || std::exchange(link->warned, true)) return;
  base::LogWarning(
      absl::StrCat("worker does not answer", kBuffers),
      {{"worker", link->number()}, {"pid", link->process()->pid()}});
}

void WorkerProcessExecutor::Finish(std::vector<WorkerBatch*>* finished) {
  if (finished->empty()) return;
  for (WorkerBatch* work : *finished) {
    // May come back as Execute.
    Batch::Done(TakeFinished(work));
  }
  MutexLock lock(&mutex_);
  for (WorkerBatch* work : *finished) batches_.Release(work);
  finished->clear();
}

void WorkerProcessExecutor::Stop() {
  {
    MutexLock lock(&mutex_);
    if (std::exchange(stopped_, true)) return;
  }
  Drop();
  pool_.Stop(options_.leave_timeout);
  // What workers held when they were killed.
  Drop();
}

void WorkerProcessExecutor::Drop() {
  // They may hold the last references to their sessions.
  std::vector<std::unique_ptr<Batch>> dropped;
  MutexLock lock(&mutex_);
  for (WorkItem* item : dispatcher_.TakeWaiting()) {
    MSGPROC_CHECK(item->batch->batch != nullptr);
    dropped.push_back(std::move(item->batch->batch));
  }
  lock.Unlock();
  dropped.clear();
}

}  // namespace msgproc::processor
