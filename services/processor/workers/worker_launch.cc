#include "services/processor/workers/worker_launch.h"

#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <string>

#include "common/proc_files.h"

namespace msgproc::processor {
namespace {

constexpr char kThisProgram[] = "/proc/self/exe";

std::string PathOfThisProgram() {
  char path[PATH_MAX];
  const ssize_t size = readlink(kThisProgram, path, sizeof(path));
  return size < 0 ? kThisProgram : std::string(path, static_cast<size_t>(size));
}

}  // namespace

WorkerLaunch LaunchOf(const WorkerOptions& options) {
  WorkerLaunch launch;
  if (!options.command.empty()) {
    launch.program = "/bin/sh";
    launch.arguments = {"sh", "-c", options.command};
    launch.standard_streams = true;
    // `bazel run` changes the directory.
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody writes the environment.
    const char* const directory = std::getenv("BUILD_WORKING_DIRECTORY");
    if (directory != nullptr) launch.directory = directory;
    return launch;
  }
  launch.program =
      options.program.empty() ? PathOfThisProgram() : options.program;
  if (options.program.empty()) launch.fallback_program = kThisProgram;
  launch.arguments = options.arguments;
  if (launch.arguments.empty()) {
    launch.arguments = ReadOwnArguments();
    launch.arguments.emplace_back("--worker_role");
  }
  return launch;
}

}  // namespace msgproc::processor
