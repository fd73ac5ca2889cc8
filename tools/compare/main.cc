#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/check.h"
#include "services/base/flag_parser.h"
#include "services/base/flag_value.h"
#include "services/base/user_path.h"
#include "services/base/wrong_settings.h"
#include "tools/compare/comparison.h"
#include "tools/compare/trial.h"
#include "tools/files/distinct_files.h"
#include "tools/files/open_file.h"
#include "tools/report/page.h"

ABSL_FLAG(uint64_t, n, 10000, "Messages of each run.");
ABSL_FLAG(std::string, duration, "",
          "How long each run sends, as in 10s, instead of --n. Empty with "
          "--chaos: 10s.");
ABSL_FLAG(int, repeat, 3, "Runs of each model; the table has their medians.");
ABSL_FLAG(std::string, models, "1,2,3,4", "Which models.");
ABSL_FLAG(int, processors, msgproc::cluster::Options().processors,
          "Processors, in Models 3 and 4.");
ABSL_FLAG(int, workers, 2, "Worker processes, in Model 2.");
ABSL_FLAG(int, connections, 6, "The load's connections.");
ABSL_FLAG(std::string, handler, "", "The processors' --handler.");
ABSL_FLAG(std::string, loadgen_flags, "",
          "More flags for the load generator, separated by blanks.");
ABSL_FLAG(bool, chaos, false,
          "In mid-run kill one processor, then restart all, one by one. Takes "
          "--duration, not --n.");
ABSL_FLAG(std::string, json, "", "Write the figures to this file as JSON.");
ABSL_FLAG(std::string, report, "",
          "Write an HTML page with charts to this file; it needs no network.");
ABSL_FLAG(std::string, bin_dir, "",
          "Where the programs are; empty: those built with this one.");

namespace msgproc::compare {
namespace {

int Fail(absl::string_view why, int exit_code) {
  std::fprintf(stderr, "msgproc-compare: %s\n", std::string(why).c_str());
  return exit_code;
}

TrialOptions OptionsFor(cluster::Model model) {
  TrialOptions options;
  options.cluster.model = model;
  options.cluster.processors = absl::GetFlag(FLAGS_processors);
  if (model == cluster::Model::kWorkers) {
    options.cluster.workers = absl::GetFlag(FLAGS_workers);
  }
  options.cluster.handler = absl::GetFlag(FLAGS_handler);
  options.cluster.binaries =
      cluster::Binaries(base::UserPath(absl::GetFlag(FLAGS_bin_dir)));
  options.chaos = absl::GetFlag(FLAGS_chaos);
  std::string duration = absl::GetFlag(FLAGS_duration);
  // Both disturbances must find a load that still runs.
  if (options.chaos && duration.empty()) duration = "10s";
  const bool understood =
      duration.empty() || absl::ParseDuration(duration, &options.duration);
  MSGPROC_CHECK(understood);  // CheckLoad has seen to it.
  options.loadgen_flags = {
      absl::StrCat("--connections=", absl::GetFlag(FLAGS_connections)),
      duration.empty() ? absl::StrCat("--n=", absl::GetFlag(FLAGS_n))
                       : absl::StrCat("--duration=", duration)};
  if (!options.cluster.handler.empty()) {
    options.loadgen_flags.push_back(
        absl::StrCat("--handler=", options.cluster.handler));
  }
  for (const auto& flag : absl::StrSplit(absl::GetFlag(FLAGS_loadgen_flags),
                                         ' ', absl::SkipEmpty())) {
    options.loadgen_flags.emplace_back(flag);
  }
  return options;
}

absl::Status CheckLoad() {
  const std::string duration = absl::GetFlag(FLAGS_duration);
  absl::Duration length;
  if (!duration.empty() && (!absl::ParseDuration(duration, &length) ||
                            length <= absl::ZeroDuration())) {
    return absl::InvalidArgumentError(
        absl::StrCat("--duration cannot be \"", duration,
                     "\": ", base::DurationAdvice(duration), "."));
  }
  const std::pair<const char*, int64_t> counts[] = {
      {"n", static_cast<int64_t>(absl::GetFlag(FLAGS_n))},
      {"repeat", absl::GetFlag(FLAGS_repeat)},
      {"connections", absl::GetFlag(FLAGS_connections)}};
  for (const auto& [name, value] : counts) {
    if (value >= 1) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("--", name, "=", value, ": it takes at least 1."));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TrialOptions>> PlanFromFlags() {
  if (absl::Status status = CheckLoad(); !status.ok()) return status;
  std::vector<TrialOptions> plan;
  for (const auto& text : absl::StrSplit(absl::GetFlag(FLAGS_models), ',')) {
    int model = 0;
    if (!absl::SimpleAtoi(text, &model) || model < 1 || model > 4) {
      return absl::InvalidArgumentError(
          absl::StrCat("--models=", absl::GetFlag(FLAGS_models), ": \"", text,
                       "\" is none of 1, 2, 3 and 4."));
    }
    plan.push_back(OptionsFor(static_cast<cluster::Model>(model)));
    absl::Status status =
        cluster::Validate(plan.back().cluster).AsStatus(base::AsFlag);
    if (!status.ok()) return status;
  }
  if (!absl::GetFlag(FLAGS_report).empty()) {
    absl::Status status = report::CanMakePages();
    if (!status.ok()) return status;
  }
  return plan;
}

// Interleaved, so that what else the machine does meets all models alike.
absl::Status RunAll(const std::vector<TrialOptions>& plan,
                    std::vector<ModelTrials>* models) {
  for (const TrialOptions& options : plan) {
    models->push_back({ModelName(options.cluster.model), {}});
  }
  MSGPROC_CHECK_EQ(models->size(), plan.size());
  for (int i = 0; i < absl::GetFlag(FLAGS_repeat); ++i) {
    for (size_t m = 0; m < plan.size(); ++m) {
      auto trial = RunTrial(plan[m]);
      if (!trial.ok()) {
        return absl::Status(
            trial.status().code(),
            absl::StrCat((*models)[m].name, ": ", trial.status().message()));
      }
      std::fprintf(stderr, "%s, run %d: %.0f messages/s\n",
                   (*models)[m].name.c_str(), i + 1,
                   trial->Figure("/messages_per_second"));
      (*models)[m].trials.push_back(*std::move(trial));
    }
  }
  return absl::OkStatus();
}

bool Clean(const std::vector<ModelTrials>& models) {
  for (const ModelTrials& model : models) {
    for (const Trial& trial : model.trials) {
      if (trial.exit_code != 0) return false;
    }
  }
  return true;
}

// The files that are asked for, open and as yet as they were.
struct Files {
  files::OutputFile json;
  files::OutputFile report;
};

absl::StatusOr<Files> OpenFiles() {
  const std::string json = base::UserPath(absl::GetFlag(FLAGS_json));
  const std::string report = base::UserPath(absl::GetFlag(FLAGS_report));
  std::vector<files::NamedFile> named = {{"--json", json},
                                         {"--report", report}};
  struct stat info {};
  if (fstat(STDOUT_FILENO, &info) == 0 && S_ISREG(info.st_mode)) {
    named.push_back({"the standard output", "-"});
  }
  absl::Status status = files::CheckDistinct(named);
  if (!status.ok()) return status;
  auto json_file = files::OutputFile::Open("--json", json);
  if (!json_file.ok()) return json_file.status();
  auto report_file = files::OutputFile::Open("--report", report);
  if (!report_file.ok()) return report_file.status();
  return Files{*std::move(json_file), *std::move(report_file)};
}

int Run() {
  const auto plan = PlanFromFlags();
  if (!plan.ok()) return Fail(plan.status().message(), base::kUsageExitCode);
  auto files = OpenFiles();
  if (!files.ok()) {
    return Fail(files.status().message(), base::kUsageExitCode);
  }
  std::vector<ModelTrials> models;
  if (absl::Status status = RunAll(*plan, &models); !status.ok()) {
    return Fail(status.message(), 1);
  }
  const std::string what = absl::StrCat(
      "The same load against each model: loadgen ",
      absl::StrJoin(plan->front().loadgen_flags, " "),
      absl::GetFlag(FLAGS_repeat) == 1
          ? ", once."
          : absl::StrCat(
                ". Figures are medians of ", absl::GetFlag(FLAGS_repeat),
                " interleaved runs (what went wrong: their sum); charts show "
                "each model's run with the median throughput."));
  const std::string json = ComparisonJson(what, models);
  std::fputs(ComparisonTable(models).c_str(), stdout);
  absl::Status status = files->json.Write(json);
  status.Update(
      files->report.Write(report::MakePage("The models compared", json)));
  if (!status.ok()) return Fail(status.message(), 1);
  return Clean(models)
             ? 0
             : Fail("not every run was as it should be: see the verdict", 1);
}

}  // namespace
}  // namespace msgproc::compare

int main(int argc, char** argv) {
  // Goes, with all it started, when whoever started it does.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  msgproc::base::ParseFlagsOrExit(
      argc, argv,
      {.name = "msgproc-compare",
       .summary = "Runs the same load against the four models and compares "
                  "throughput, latency, CPU, memory and interruptions.",
       .usage = "bazel run //tools/compare -- --n=10000 [flags]"});
  return msgproc::compare::Run();
}
