#include <sys/prctl.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "services/base/flag_parser.h"
#include "services/base/shutdown_signal.h"
#include "services/base/user_path.h"
#include "services/base/wrong_settings.h"
#include "tools/cluster/cluster.h"
#include "tools/cluster/commands.h"
#include "tools/cluster/temporary_folder.h"

ABSL_FLAG(int, model, 1,
          "1: one processor; 2: one with worker processes; 3: a fleet with a "
          "balancer; 4: a fleet behind NGINX.");
ABSL_FLAG(int, processors, msgproc::cluster::Options().processors,
          "Processors, in Models 3 and 4.");
ABSL_FLAG(int, workers, -1,
          "Worker processes in each processor; -1: 2 in Model 2, otherwise "
          "none.");
ABSL_FLAG(std::string, handler, "", "The processors' --handler.");
ABSL_FLAG(std::string, processor_flags, "",
          "More flags for the processors, separated by blanks.");
ABSL_FLAG(bool, pass_through, msgproc::cluster::Options().pass_through,
          "Model 4 by NGINX's TCP listener, with PROXY headers.");
ABSL_FLAG(std::string, bin_dir, "",
          "Where the programs are; empty: those built with this one.");
ABSL_FLAG(std::string, logs, "",
          "A folder for the logs of all members, which stay there; empty: a "
          "temporary one, which stays only when something went wrong.");
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
      .binaries = Binaries(base::UserPath(absl::GetFlag(FLAGS_bin_dir)))};
  if (options.workers == -1) {
    options.workers = options.model == Model::kWorkers ? 2 : 0;
  }
  options.processor_flags = absl::StrSplit(absl::GetFlag(FLAGS_processor_flags),
                                           ' ', absl::SkipEmpty());
  return options;
}

bool WriteAddressFile(const Cluster& cluster) {
  const std::string path = base::UserPath(absl::GetFlag(FLAGS_address_file));
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

constexpr absl::Duration kDrain = absl::Seconds(35);

absl::Status Do(const Command& command, Cluster* cluster) {
  switch (command.verb) {
    case Command::Verb::kList:
      std::printf("%s", cluster->Describe().c_str());
      return absl::OkStatus();
    case Command::Verb::kStop:
      return cluster->SignalMember(command.member, SIGTERM);
    case Command::Verb::kKill:
      return cluster->SignalMember(command.member, SIGKILL);
    case Command::Verb::kRestart:
      break;
  }
  absl::Status status = cluster->RestartMember(command.member, kDrain);
  if (status.ok()) {
    std::printf("%s serves again\n", command.member.c_str());
  }
  return status;
}

void DoLine(const std::string& line, Cluster* cluster) {
  const absl::StatusOr<Command> command = ParseCommand(line);
  const absl::Status status =
      command.ok() ? Do(*command, cluster) : command.status();
  if (!status.ok()) {
    std::printf("%s\n", std::string(status.message()).c_str());
  }
  std::fflush(stdout);
}

// Until it is to stop, or something crashed: says what.
std::string Attend(const std::atomic<bool>& stop, CommandReader* commands,
                   Cluster* cluster) {
  while (!stop) {
    for (const std::string& line : commands->Read(absl::Milliseconds(50))) {
      DoLine(line, cluster);
    }
    if (stop) break;
    for (const std::string& name : cluster->EndedAsAsked()) {
      std::printf(
          "%s has ended, as it was asked to; the others stay up. To "
          "have it back: restart %s\n",
          name.c_str(), name.c_str());
      std::fflush(stdout);
    }
    if (std::string ended = cluster->EndedByItself(); !ended.empty()) {
      return ended;
    }
  }
  return "";
}

// Where --logs says, or empty.
absl::StatusOr<std::string> LogsFolder() {
  const std::string folder = base::UserPath(absl::GetFlag(FLAGS_logs));
  if (folder.empty()) return folder;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) return std::filesystem::absolute(folder).string();
  return absl::InvalidArgumentError(
      absl::StrCat("--logs=", folder, ": ", error.message()));
}

int Run() {
  // Goes when whoever started it does, a test that is killed for example.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  std::atomic<bool> stop = false;
  const base::ShutdownSignal signal(
      {.on_drain = [&stop](int) { stop = true; }});
  const absl::StatusOr<std::string> logs = LogsFolder();
  if (!logs.ok()) return Fail(logs.status().message(), base::kUsageExitCode);
  TemporaryFolder folder;
  const Options options =
      OptionsFromFlags(logs->empty() ? folder.path() : *logs);
  const absl::Status valid = Validate(options).AsStatus(base::AsFlag);
  if (!valid.ok()) {
    return Fail(valid.message(), base::kUsageExitCode);
  }
  const absl::StatusOr<std::unique_ptr<Cluster>> cluster =
      Cluster::Start(options);
  if (!cluster.ok()) return Fail(cluster.status().message(), 1);
  const std::string control = absl::StrCat(options.folder, "/control");
  absl::StatusOr<CommandReader> commands = CommandReader::Open(control);
  if (!commands.ok()) return Fail(commands.status().message(), 1);
  std::printf(
      "Model %d serves (logs in %s):\n%s\n"
      "  bazel run //tools/loadgen -- %s --n=10000\n\n"
      "Type restart NAME, stop NAME, kill NAME or list, here or into %s.\n"
      "Ctrl-C takes it down.\n",
      static_cast<int>(options.model), options.folder.c_str(),
      (*cluster)->Describe().c_str(), (*cluster)->LoadgenFlag().c_str(),
      control.c_str());
  std::fflush(stdout);
  if (!WriteAddressFile(**cluster)) {
    return Fail("--address_file: cannot be written", 1);
  }
  std::string wrong = Attend(stop, &*commands, cluster->get());
  std::remove(control.c_str());
  if (wrong.empty()) {
    wrong = std::string((*cluster)->Stop(kDrain).message());
  }
  if (wrong.empty()) return 0;
  folder.Keep();
  return Fail(absl::StrCat(wrong, "\nThe logs are in ", options.folder), 1);
}

}  // namespace
}  // namespace msgproc::cluster

int main(int argc, char** argv) {
  msgproc::base::ShutdownSignal::Block();
  msgproc::base::ParseFlagsOrExit(
      argc, argv,
      {.name = "msgproc-cluster",
       .summary = "Brings up one of the four models on this machine, on free "
                  "ports, and takes it down on Ctrl-C.",
       .usage = "bazel run //tools/cluster -- --model=1|2|3|4 [flags]"});
  return msgproc::cluster::Run();
}
