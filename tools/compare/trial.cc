#include "tools/compare/trial.h"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/check.h"
#include "common/clock.h"
#include "tools/cluster/child.h"
#include "tools/cluster/temporary_folder.h"

namespace msgproc::compare {
namespace {

constexpr absl::Duration kLongestRun = absl::Hours(1);
constexpr absl::Duration kDrain = absl::Seconds(40);

// What the load does not tell: the state of the system while it runs.
class Disturbance {
 public:
  Disturbance(cluster::Cluster* cluster, cluster::Child* load)
      : cluster_(cluster), load_(load), began_(Clock::Monotonic()->Now()) {}

  // A kill after a quarter of `duration`, and a rolling restart from its half
  // on. FAILED_PRECONDITION: the load had ended before both were done.
  absl::Status Run(absl::Duration duration, std::vector<Trial::Event>* events) {
    MSGPROC_CHECK_GT(duration, absl::ZeroDuration());
    if (!WaitUntil(duration / 4)) return TooShort();
    Note("kill -9", events);
    cluster_->Kill(0);
    absl::Status status = cluster_->Restart(0);
    if (!status.ok()) return status;
    if (!WaitUntil(duration / 2)) return TooShort();
    Note("rolling restart", events);
    for (int i = 0; i < cluster_->processor_count(); ++i) {
      status.Update(cluster_->Terminate(i, kDrain));
      status.Update(cluster_->Restart(i));
    }
    if (status.ok() && !load_->Running()) return TooShort();
    return status;
  }

 private:
  // Lets the load run on; false: it has ended.
  bool WaitUntil(absl::Duration since_began) {
    return !load_->Wait(began_ + since_began - Clock::Monotonic()->Now())
                .has_value();
  }

  // Event times are Unix times until the load says when it began.
  void Note(std::string what, std::vector<Trial::Event>* events) const {
    events->push_back({absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()),
                       std::move(what)});
  }

  absl::Status TooShort() const {
    return absl::FailedPreconditionError(absl::StrCat(
        "The load ended before the kill and the rolling restart were done: "
        "give it a longer --duration. It wrote:\n",
        load_->LastWords()));
  }

  cluster::Cluster* const cluster_;
  cluster::Child* const load_;
  const absl::Time began_;
};

// Makes Unix times seconds since the load began. FAILED_PRECONDITION: that was
// after one of them.
absl::Status Rebase(Trial* trial) {
  const double began = trial->Figure("/run/started_at_ms") / 1e3;
  for (Trial::Event& event : trial->events) {
    event.at -= began;
    if (event.at > 0) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("The load had not begun when it was time for \"",
                     event.what, "\": give it a longer --duration."));
  }
  return absl::OkStatus();
}

absl::Status ReadReport(const std::string& path, const cluster::Child& load,
                        Trial* trial) {
  std::ifstream file(path);
  trial->report = nlohmann::ordered_json::parse(file, nullptr, false);
  if (!trial->report.is_discarded()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(
      "The load generator ended with exit "
      "code ",
      trial->exit_code, " and no report. It wrote:\n", load.LastWords()));
}

absl::Status RunLoad(const TrialOptions& options, cluster::Cluster* cluster,
                     Trial* trial) {
  MSGPROC_CHECK(!options.cluster.folder.empty());
  const std::string json = absl::StrCat(options.cluster.folder, "/load.json");
  std::vector<std::string> command = {
      options.cluster.binaries.Find("tools/loadgen/loadgen"),
      cluster->LoadgenFlag()};
  command.insert(command.end(), options.loadgen_flags.begin(),
                 options.loadgen_flags.end());
  // Behind the user's, so that it holds.
  command.push_back(absl::StrCat("--json=", json));
  const cluster::ProcessUsage servers_before = cluster->ProcessorsUsage();
  const cluster::ProcessUsage front_before = cluster->FrontUsage();
  auto load = cluster::Child::Start(
      command, absl::StrCat(options.cluster.folder, "/load.log"));
  if (!load.ok()) return load.status();
  absl::Status status;
  if (options.chaos) {
    status =
        Disturbance(cluster, load->get()).Run(options.duration, &trial->events);
  }
  const std::optional<int> exit_code = (*load)->Wait(kLongestRun);
  if (!exit_code) return absl::DeadlineExceededError("The load has no end.");
  trial->exit_code = *exit_code;
  trial->servers = cluster->ProcessorsUsage();
  trial->servers.cpu -= servers_before.cpu;
  trial->front = cluster->FrontUsage();
  trial->front.cpu -= front_before.cpu;
  status.Update(ReadReport(json, **load, trial));
  if (!status.ok()) return status;
  trial->client_cpu = absl::Seconds(trial->Figure("/cpu_seconds"));
  return Rebase(trial);
}

}  // namespace

double Trial::Figure(const std::string& json_pointer) const {
  const auto pointer = nlohmann::ordered_json::json_pointer(json_pointer);
  return report.contains(pointer) ? report.at(pointer).get<double>() : 0;
}

std::string Trial::Word() const {
  return report.value("verdict", exit_code == 0 ? "OK" : "FAILED");
}

std::vector<std::string> Trial::Findings() const {
  return report.value(
      "findings", std::vector<std::string>{absl::StrCat(
                      "the load generator ended with exit code ", exit_code)});
}

double Trial::CpuMicroseconds(absl::Duration cpu) const {
  return absl::ToDoubleMicroseconds(cpu) / std::max(1.0, Figure("/messages"));
}

absl::StatusOr<Trial> RunTrial(const TrialOptions& options) {
  const cluster::TemporaryFolder folder;
  TrialOptions here = options;
  here.cluster.folder = folder.path();
  auto cluster = cluster::Cluster::Start(here.cluster);
  if (!cluster.ok()) return cluster.status();
  Trial trial;
  absl::Status status = RunLoad(here, cluster->get(), &trial);
  status.Update((*cluster)->Stop(kDrain));
  if (!status.ok()) return status;
  return trial;
}

const Trial& Median(const std::vector<Trial>& trials) {
  std::vector<const Trial*> sorted;
  sorted.reserve(trials.size());
  for (const Trial& trial : trials) sorted.push_back(&trial);
  const auto middle =
      sorted.begin() + static_cast<ptrdiff_t>((sorted.size() - 1) / 2);
  std::nth_element(sorted.begin(), middle, sorted.end(),
                   [](const Trial* a, const Trial* b) {
                     return a->Figure("/messages_per_second") <
                            b->Figure("/messages_per_second");
                   });
  return **middle;
}

}  // namespace msgproc::compare
