#include "services/processor/workers/worker_flags.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/process_limits.h"

ABSL_FLAG(std::string, workers, "",
          "Run handlers in this many worker processes, which may crash, hang "
          "or be replaced without any socket noticing; auto: one for each "
          "CPU that it may use (affinity, quota). 0: in this process. Empty: "
          "0, or auto with --worker_command.");
ABSL_FLAG(std::string, worker_command, "",
          "What a worker is: a shell command that speaks the worker protocol "
          "on its standard input and output. --handler names what it handles. "
          "Empty: this program.");
ABSL_FLAG(bool, worker_lines, false,
          "The command is a filter that reads a line and writes a line, such "
          "as 'sed -u s/a/b/'.");
ABSL_FLAG(bool, worker_ordered, false,
          "The command wants a session's messages one at a time, in order and "
          "on one worker.");
ABSL_FLAG(int, max_delivery_attempts, 3,
          "How many workers may die over a message before it gets an Error.");
ABSL_FLAG(absl::Duration, handler_timeout, absl::Minutes(1),
          "A worker that takes longer over a message is killed.");
ABSL_FLAG(uint64_t, worker_max_memory, 0,
          "A worker with more resident bytes is replaced; 0: never.");
ABSL_FLAG(uint64_t, worker_max_messages, 0,
          "A worker is replaced after so many messages; 0: never.");
ABSL_FLAG(absl::Duration, worker_start_timeout, absl::Seconds(30),
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

}  // namespace

bool IsWorkerRole() { return absl::GetFlag(FLAGS_worker_role); }

absl::StatusOr<WorkerOptions> WorkerOptionsFromFlags() {
  const absl::StatusOr<int> count = Count();
  if (!count.ok()) return count.status();
  WorkerOptions options;
  options.count = *count;
  options.command = absl::GetFlag(FLAGS_worker_command);
  options.lines = absl::GetFlag(FLAGS_worker_lines);
  options.ordered = absl::GetFlag(FLAGS_worker_ordered);
  options.max_delivery_attempts = absl::GetFlag(FLAGS_max_delivery_attempts);
  options.handler_timeout = absl::GetFlag(FLAGS_handler_timeout);
  options.max_memory = absl::GetFlag(FLAGS_worker_max_memory);
  options.max_messages = absl::GetFlag(FLAGS_worker_max_messages);
  options.start_timeout = absl::GetFlag(FLAGS_worker_start_timeout);
  if (options.command.empty() && (options.lines || options.ordered)) {
    return absl::InvalidArgumentError(
        "--worker_lines and --worker_ordered say how a worker command behaves, "
        "and there is none (--worker_command).");
  }
  return options;
}

}  // namespace msgproc::processor
