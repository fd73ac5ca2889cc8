#include "services/processor/workers/worker_flags.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/process_limits.h"

namespace {

msgproc::processor::WorkerOptions Defaults() { return {}; }

}  // namespace

ABSL_FLAG(std::string, workers, "",
          "Run handlers in this many worker processes, which may crash, hang "
          "or be replaced without any socket noticing; auto: one for each "
          "CPU that it may use (affinity, quota). 0: in this process. Empty: "
          "0, or auto with --worker_command.");
ABSL_FLAG(std::string, worker_command, "",
          "What a worker is: a shell command that speaks the worker protocol "
          "on its standard input and output. --handler names what it handles. "
          "Empty: this program.");
ABSL_FLAG(bool, worker_lines, Defaults().lines,
          "The command is a filter that reads a line and writes a line, such "
          "as 'sed -u s/a/b/'.");
ABSL_FLAG(bool, worker_ordered, Defaults().ordered,
          "The command wants a session's messages one at a time, in order and "
          "on one worker.");
ABSL_FLAG(bool, worker_commits, Defaults().commits,
          "The command's workers have a connection to the session store, which "
          "is PostgreSQL, and commit by themselves what they do and their "
          "results (msgproc_commit).");
ABSL_FLAG(int, max_delivery_attempts, Defaults().max_delivery_attempts,
          "How many workers may die over a message before it gets an Error.");
ABSL_FLAG(absl::Duration, handler_timeout, Defaults().handler_timeout,
          "A worker that takes longer over a message is killed. Without "
          "workers: a handler that answers later and has not answered by then "
          "has answered DEADLINE_EXCEEDED; 0: it may take for ever. Nothing "
          "stops other handlers.");
ABSL_FLAG(uint64_t, worker_max_memory, Defaults().max_memory,
          "A worker with more resident bytes is replaced; 0: never.");
ABSL_FLAG(uint64_t, worker_max_messages, Defaults().max_messages,
          "A worker is replaced after so many messages; 0: never.");
ABSL_FLAG(absl::Duration, worker_start_timeout, Defaults().start_timeout,
          "How long a worker may take until it is ready.");
ABSL_FLAG(bool, worker_role, false,
          "Internal: this process is a worker that a processor has started.");

namespace msgproc::processor {
namespace {

absl::StatusOr<int> Count() {
  const std::string text = absl::GetFlag(FLAGS_workers);
  const bool command = !absl::GetFlag(FLAGS_worker_command).empty();
  if (text == "auto" || (text.empty() && command)) {
    return ReadProcessLimits().parallelism();
  }
  if (text.empty()) return 0;
  int count = 0;
  if (!absl::SimpleAtoi(text, &count) || count < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--workers is '", text, "'; it takes a number or auto."));
  }
  if (count == 0 && command) {
    return absl::InvalidArgumentError(
        "--worker_command needs workers, and --workers is 0.");
  }
  return count;
}

// Settings of workers whose flags are not called as they are.
std::string FlagOf(absl::string_view setting) {
  if (setting == "count") return "--workers";
  for (const absl::string_view ours :
       {"command", "lines", "ordered", "commits"}) {
    if (setting == ours) return absl::StrCat("--worker_", setting);
  }
  return base::AsFlag(setting);
}

}  // namespace

bool IsWorkerRole() { return absl::GetFlag(FLAGS_worker_role); }

WorkerOptions WorkerOptionsFromFlags(base::WrongSettings* wrong) {
  WorkerOptions options;
  const absl::StatusOr<int> count = Count();
  wrong->Add(count.status());
  options.count = count.value_or(0);
  options.command = absl::GetFlag(FLAGS_worker_command);
  options.lines = absl::GetFlag(FLAGS_worker_lines);
  options.ordered = absl::GetFlag(FLAGS_worker_ordered);
  options.commits = absl::GetFlag(FLAGS_worker_commits);
  options.max_delivery_attempts = absl::GetFlag(FLAGS_max_delivery_attempts);
  options.handler_timeout = absl::GetFlag(FLAGS_handler_timeout);
  options.max_memory = absl::GetFlag(FLAGS_worker_max_memory);
  options.max_messages = absl::GetFlag(FLAGS_worker_max_messages);
  options.start_timeout = absl::GetFlag(FLAGS_worker_start_timeout);
  // Without workers most of them mean nothing, and what they say of a command
  // is a mistake all the same.
  WorkerOptions checked = options;
  if (options.count == 0)
    checked = {.count = 1,
               .command = options.command,
               .lines = options.lines,
               .ordered = options.ordered,
               .commits = options.commits};
  wrong->Add(Validate(checked), FlagOf);
  return options;
}

}  // namespace msgproc::processor
