#include "services/processor/server_dump.h"

#include <atomic>
#include <cstddef>
#include <map>

#include "absl/time/time.h"
#include "common/clock.h"
#include "common/quoted.h"
#include "services/processor/session/processor_counters.h"
#include "services/processor/workers/worker_facts.h"
#include "services/processor/workers/worker_life.h"

namespace msgproc::processor {
namespace {

// How many workers are in which phase of their lives.
StateDump DumpOf(const WorkerRoster& roster) {
  std::map<WorkerPhase, size_t> phases;
  for (const WorkerFacts& worker : roster.List()) ++phases[worker.phase];
  StateDump dump("processor::WorkerRoster");
  for (const auto phase :
       {WorkerPhase::kStarting, WorkerPhase::kServing, WorkerPhase::kRetiring,
        WorkerPhase::kLeaving, WorkerPhase::kKilled, WorkerPhase::kGone}) {
    dump.Add(WorkerPhaseName(phase), phases[phase]);
  }
  return dump;
}

}  // namespace

std::vector<StateDump> DumpOf(Server* server, const BalancerLink* link,
                              bool leaving) {
  const absl::Time now = Clock::Monotonic()->Now();
  const ProcessorCounters& counters = *server->context()->counters();
  SessionTable* const sessions = server->context()->sessions();
  std::vector<StateDump> dumps;
  dumps.push_back(StateDump(
      "processor::Server",
      {{"server_id", Quoted(server->server_id())},
       {"address", Quoted(server->address())},
       {"why_not_serving", Quoted(server->WhyNotServing())},
       {"leaving", leaving},
       {"draining", counters.draining.load(std::memory_order_relaxed)},
       {"cordoned", counters.cordoned.load(std::memory_order_relaxed)},
       {"outstanding", counters.outstanding.load(std::memory_order_relaxed)}}));
  dumps.push_back(server->streams()->Dump());
  dumps.push_back(sessions->Dump(server->context()->clock()->Now()));
  dumps.push_back(sessions->memory()->Dump());
  if (server->workers() != nullptr) {
    dumps.push_back(server->workers()->Dump(now));
    dumps.push_back(DumpOf(server->workers()->roster()));
  }
  if (server->committer() != nullptr) {
    server->committer()->AddDumps(now, &dumps);
  }
  if (link != nullptr) link->AddDumps(now, &dumps);
  return dumps;
}

}  // namespace msgproc::processor
