#include "services/processor/workers/worker_list.h"

#include <atomic>
#include <cstddef>

#include "common/proc_files.h"
#include "services/processor/workers/worker_life.h"

namespace msgproc::processor {

std::vector<WorkerFacts> ListWorkers(WorkerProcessExecutor* workers) {
  std::vector<WorkerFacts> list = workers->roster().List();
  for (WorkerFacts& facts : list) {
    facts.load = workers->LoadOf(facts.id);
    facts.messages = workers->counters()
                         .slots[static_cast<size_t>(facts.slot)]
                         .messages.load(std::memory_order_relaxed);
    if (facts.pid != 0) facts.memory = ReadResidentBytes(facts.pid);
  }
  return list;
}

WorkerUsage ReadWorkerUsage(const WorkerProcessExecutor& workers) {
  WorkerUsage usage;
  for (const WorkerFacts& facts : workers.roster().List()) {
    if (facts.pid == 0) continue;
    usage.cpu += CpuTimeOf(facts.pid);
    usage.resident_bytes += ReadResidentBytes(facts.pid);
  }
  return usage;
}

uint64_t CountWorkerDeaths(const WorkerProcessExecutor& workers) {
  uint64_t deaths = 0;
  for (const Departure why :
       {Departure::kExit, Departure::kSignal, Departure::kTimeout,
        Departure::kProtocol, Departure::kStart}) {
    deaths += workers.departures(why);
  }
  return deaths;
}

}  // namespace msgproc::processor
