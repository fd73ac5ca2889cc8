#include <sys/prctl.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "services/base/flag_parser.h"
#include "services/base/shutdown_signal.h"
#include "services/base/user_path.h"
#include "tools/cluster/cluster.h"
#include "tools/cluster/temporary_folder.h"

ABSL_FLAG(int, model, 1,
          "1: one processor; 2: one with worker processes; 3: a fleet with a "
          "balancer; 4: a fleet behind NGINX.");
ABSL_FLAG(int, processors, 3, "Processors, in Models 3 and 4.");
ABSL_FLAG(int, workers, -1,
          "Worker processes in each processor; -1: 2 in Model 2, otherwise "
          "none.");
ABSL_FLAG(std::string, handler, "", "The processors' --handler.");
ABSL_FLAG(std::string, processor_flags, "",
          "More flags for the processors, separated by blanks.");
ABSL_FLAG(bool, pass_through, false,
          "Model 4 by NGINX's TCP listener, with PROXY headers.");
ABSL_FLAG(std::string, bin_dir, "",
          "Where the programs are; empty: those built with this one.");
ABSL_FLAG(std::string, address_file, "",
          "A file to write once all serve: target=... or balancer=..., and a "
          "line processor=... for each.");

namespace msgproc::cluster {
namespace {

Options OptionsFromFlags(const std::string& folder) {
  Options options{
      .model = static_cast<Model>(absl::GetFlag(FLAGS_model)),
      .processors = absl::GetFlag(FLAGS_processors),
      .workers = absl::GetFlag(FLAGS_workers),
      .handler = absl::GetFlag(FLAGS_handler),
      .pass_through = absl::GetFlag(FLAGS_pass_through),
      .folder = folder,
      .binaries = Binaries(server::UserPath(absl::GetFlag(FLAGS_bin_dir)))};
  if (options.workers == -1) {
    options.workers = options.model == Model::kWorkers ? 2 : 0;
  }
  options.processor_flags = absl::StrSplit(absl::GetFlag(FLAGS_processor_flags),
                                           ' ', absl::SkipEmpty());
  return options;
}

bool WriteAddressFile(const Cluster& cluster) {
  const std::string path = server::UserPath(absl::GetFlag(FLAGS_address_file));
  if (path.empty()) return true;
  // Appears whole or not at all.
  const std::string unfinished = absl::StrCat(path, ".new");
  std::ofstream file(unfinished);
  file << cluster.LoadgenFlag().substr(2) << "\n";
  for (int i = 0; i < cluster.processor_count(); ++i) {
    file << "processor=" << cluster.address(i) << "\n";
  }
  file.close();
  return file && std::rename(unfinished.c_str(), path.c_str()) == 0;
}

int Fail(absl::string_view why, int exit_code) {
  std::fprintf(stderr, "msgproc-cluster: %s\n", std::string(why).c_str());
  return exit_code;
}

int Run() {
  // Goes when whoever started it does, a test that is killed for example.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  std::atomic<bool> stop = false;
  const server::ShutdownSignal signal(
      {.on_drain = [&stop](int) { stop = true; }});
  const TemporaryFolder folder;
  const Options options = OptionsFromFlags(folder.path());
  if (absl::Status status = CheckOptions(options); !status.ok()) {
    return Fail(status.message(), server::kUsageExitCode);
  }
  const absl::StatusOr<std::unique_ptr<Cluster>> cluster =
      Cluster::Start(options);
  if (!cluster.ok()) return Fail(cluster.status().message(), 1);
  std::printf(
      "Model %d serves (logs in %s):\n%s\n"
      "  bazel run //tools/loadgen -- %s --n=10000\n\n"
      "Ctrl-C takes it down.\n",
      static_cast<int>(options.model), options.folder.c_str(),
      (*cluster)->Describe().c_str(), (*cluster)->LoadgenFlag().c_str());
  std::fflush(stdout);
  if (!WriteAddressFile(**cluster)) {
    return Fail("--address_file: cannot be written", 1);
  }
  std::string ended;
  while (!stop && ended.empty()) {
    absl::SleepFor(absl::Milliseconds(50));
    ended = (*cluster)->EndedByItself();
  }
  if (!ended.empty()) return Fail(ended, 1);
  const absl::Status status = (*cluster)->Stop(absl::Seconds(35));
  return status.ok() ? 0 : Fail(status.message(), 1);
}

}  // namespace
}  // namespace msgproc::cluster

int main(int argc, char** argv) {
  msgproc::server::ShutdownSignal::Block();
  msgproc::server::ParseFlagsOrExit(
      argc, argv,
      {.name = "msgproc-cluster",
       .summary = "Brings up one of the four models on this machine, on free "
                  "ports, and takes it down on Ctrl-C.",
       .usage = "bazel run //tools/cluster -- --model=1|2|3|4 [flags]"});
  return msgproc::cluster::Run();
}
