#include "services/processor/workers/worker_options.h"

namespace msgproc::processor {

base::WrongSettings Validate(const WorkerOptions& options) {
  base::WrongSettings wrong;
  wrong.Expect(options.count >= 1 && options.count <= 1024, "count",
               options.count, "1 to 1024");
  wrong.Expect(options.max_delivery_attempts >= 1, "max_delivery_attempts",
               options.max_delivery_attempts, "at least 1");
  wrong.Expect(options.handler_timeout >= absl::Milliseconds(10),
               "handler_timeout", options.handler_timeout, "at least 10ms");
  if (options.command.empty() &&
      (options.lines || options.ordered || options.commits)) {
    wrong.Add(
        "{lines}, {ordered} and {commits} say how a worker command behaves, "
        "and there is none ({command}).");
  }
  if (options.lines && options.commits) {
    wrong.Add(
        "{lines} and {commits} exclude each other: a filter of lines is not "
        "told what it would have to commit.");
  }
  return wrong;
}

}  // namespace msgproc::processor
