#include "services/processor/workers/work_dump.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "services/processor/workers/session_ledger.h"
#include "services/processor/workers/worker_batch.h"
#include "services/processor/workers/worker_table.h"

namespace msgproc::processor {
namespace {

// Of each list.
constexpr size_t kMostItems = 16;

template <typename Items>
void AddItems(absl::string_view name, const Items& items, StateDump* dump) {
  for (size_t i = 0; i < std::min(items.size(), kMostItems); ++i) {
    const WorkItem& item = *items[i];
    const uint64_t first = item.batch->batch->first_position;
    dump->Add(
        absl::StrCat(name, "[", i, "]"),
        absl::StrCat("positions ", first, " to ", first + item.messages - 1,
                     ", ", item.answered, " answered, ", item.attempts,
                     " deaths over the next, worker ", item.worker,
                     item.ordered ? ", ordered" : "",
                     item.suspect ? ", suspect" : ""));
  }
}

}  // namespace

void AddWorkDumps(const Dispatcher& dispatcher,
                  const std::vector<std::pair<WorkerId, pid_t>>& workers,
                  uint64_t session, absl::Time now,
                  std::vector<StateDump>* dumps) {
  dumps->push_back(dispatcher.Dump(now));
  if (const SessionLedger* ledger = dispatcher.LedgerOf(session)) {
    dumps->push_back(ledger->Dump(now));
    AddItems("waiting", ledger->waiting, &dumps->back());
    AddItems("suspects", ledger->suspects, &dumps->back());
  }
  for (const auto& [id, pid] : workers) {
    const WorkerLedger* const worker = dispatcher.WorkerOf(id);
    if (worker == nullptr) continue;
    std::vector<const WorkItem*> bound;
    for (const WorkItem* item : worker->bound) {
      if (item->session == session) bound.push_back(item);
    }
    const std::vector<WorkItem*> held = worker->HeldOf(session);
    if (held.empty() && bound.empty()) continue;
    dumps->push_back(worker->Dump(now));
    dumps->back().Add("pid", pid);
    AddItems("held", held, &dumps->back());
    AddItems("bound", bound, &dumps->back());
  }
}

}  // namespace msgproc::processor
