#include "services/processor/workers/worker_roster.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace msgproc::processor {

WorkerRoster::WorkerRoster(int slots) {
  MSGPROC_CHECK_GT(slots, 0);
  slots_.resize(static_cast<size_t>(slots));
}

void WorkerRoster::OnStarted(int slot, WorkerId worker, pid_t pid,
                             absl::Time now) {
  MSGPROC_CHECK_NE(worker, 0u);
  MutexLock lock(&mutex_);
  Slot& place = slots_.at(static_cast<size_t>(slot));
  WorkerFacts facts;
  facts.id = worker;
  facts.slot = slot;
  facts.pid = pid;
  facts.phase = WorkerPhase::kStarting;
  facts.started = now;
  facts.since = now;
  facts.restarts = place.started++;
  const bool added = place.processes.emplace(worker, facts).second;
  MSGPROC_CHECK(added);
}

void WorkerRoster::OnNotStarted(int slot, absl::string_view why,
                                absl::Time now) {
  MutexLock lock(&mutex_);
  Leave(absl::StrCat("not started: ", why), now,
        &slots_.at(static_cast<size_t>(slot)));
}

void WorkerRoster::OnPhase(WorkerId worker, WorkerPhase phase, absl::Time now) {
  MSGPROC_CHECK(phase != WorkerPhase::kGone);
  MutexLock lock(&mutex_);
  WorkerFacts& facts = SlotOf(worker).processes.at(worker);
  facts.phase = phase;
  facts.since = now;
}

void WorkerRoster::OnGone(WorkerId worker, absl::string_view how,
                          absl::Time now) {
  MutexLock lock(&mutex_);
  Slot& slot = SlotOf(worker);
  slot.processes.erase(worker);
  Leave(how, now, &slot);
}

std::vector<WorkerFacts> WorkerRoster::List() const {
  MutexLock lock(&mutex_);
  std::vector<WorkerFacts> list;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    const size_t begin = list.size();
    for (const auto& [id, facts] : slot.processes) list.push_back(facts);
    if (slot.processes.empty()) {
      WorkerFacts& nobody = list.emplace_back();
      nobody.slot = static_cast<int>(i);
      nobody.since = slot.exited;
      nobody.restarts = slot.started;
    }
    for (size_t j = begin; j < list.size(); ++j) {
      list[j].last_exit = slot.last_exit;
      list[j].exited = slot.exited;
    }
  }
  return list;
}

void WorkerRoster::Leave(absl::string_view how, absl::Time now, Slot* slot) {
  slot->last_exit = std::string(how);
  slot->exited = now;
}

WorkerRoster::Slot& WorkerRoster::SlotOf(WorkerId worker) {
  const auto slot = std::find_if(
      slots_.begin(), slots_.end(),
      [worker](const Slot& each) { return each.processes.count(worker) > 0; });
  MSGPROC_CHECK(slot != slots_.end());
  return *slot;
}

}  // namespace msgproc::processor
