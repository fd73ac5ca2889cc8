#include "tools/ctl/worker_text.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/ctl/text.h"
#include "wire/proto_duration.h"

namespace msgproc::ctl {
namespace {

using admin::v1::Worker;

// "serving", ...; of a later release what that calls it.
std::string StateName(const Worker& worker) {
  const std::string& name = admin::v1::WorkerState_Name(worker.state());
  if (name.empty()) return absl::StrCat(static_cast<int>(worker.state()));
  return EnumWord(name, "WORKER_STATE_");
}

std::string LastExit(const Worker& worker) {
  if (worker.last_exit().empty()) return "-";
  return absl::StrCat(Shown(worker.last_exit()), ", ",
                      Length(wire::FromProto(worker.last_exit_age())), " ago");
}

}  // namespace

std::string WorkerLines(const admin::v1::ListWorkersResponse& workers) {
  if (workers.slots() == 0) {
    return "no workers: handlers run in the processor itself (Model I)\n";
  }
  std::vector<std::vector<std::string>> lines = {
      {"WORKER", "PID", "STATE", "FOR", "AGE", "RESTARTS", "IN FLIGHT",
       "SESSIONS", "MESSAGES", "OLDEST", "MEMORY", "LAST EXIT"}};
  for (const Worker& worker : workers.workers()) {
    lines.push_back(
        {absl::StrCat(worker.slot()),
         worker.pid() == 0 ? "-" : absl::StrCat(worker.pid()),
         StateName(worker),
         worker.has_state_age() ? Length(wire::FromProto(worker.state_age()))
                                : "-",
         worker.has_age() ? Length(wire::FromProto(worker.age())) : "-",
         absl::StrCat(worker.restarts()), absl::StrCat(worker.in_flight()),
         absl::StrCat(worker.sessions()),
         Count(static_cast<double>(worker.messages())),
         worker.has_oldest_batch()
             ? Length(wire::FromProto(worker.oldest_batch()))
             : "-",
         worker.memory() == 0 ? "-" : Bytes(worker.memory()),
         LastExit(worker)});
  }
  return absl::StrCat(Table(lines, {1, 3, 4, 5, 6, 7, 8, 9, 10}),
                      workers.serving(), " of ", workers.slots(), " serve, ",
                      workers.waiting_messages(),
                      " messages wait for a worker\n");
}

}  // namespace msgproc::ctl
