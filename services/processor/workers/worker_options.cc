#include "services/processor/workers/worker_options.h"

#include "absl/strings/str_cat.h"

namespace msgproc::processor {

absl::Status CheckWorkerOptions(const WorkerOptions& options) {
  if (options.count < 1 || options.count > 1024) {
    return absl::InvalidArgumentError(
        absl::StrCat("--workers is ", options.count, "; it takes 1 to 1024."));
  }
  if (options.max_delivery_attempts < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("--max_delivery_attempts is ",
                     options.max_delivery_attempts, "; it takes at least 1."));
  }
  if (options.handler_timeout < absl::Milliseconds(10)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--handler_timeout is ", absl::FormatDuration(options.handler_timeout),
        "; it takes at least 10ms."));
  }
  if (options.lines && options.command.empty()) {
    return absl::InvalidArgumentError(
        "--worker_lines says how a worker command speaks; there is none "
        "(--worker_command).");
  }
  return absl::OkStatus();
}

}  // namespace msgproc::processor
