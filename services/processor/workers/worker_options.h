#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_OPTIONS_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/base/wrong_settings.h"

namespace msgproc::processor {

// The workers of a processor, Model II.
struct WorkerOptions {
  // How many; 0: none, handlers run in the processor (Model I).
  int count = 0;

  // What a worker is, run by /bin/sh; empty: this program in the worker's role.
  std::string command;
  // The command is a filter that reads a line and writes a line; otherwise it
  // speaks the worker protocol (worker.proto).
  bool lines = false;
  // The names of the command's handlers, and whether they want a session's
  // messages one at a time and in order.
  std::vector<std::string> handlers;
  bool ordered = false;
  // They commit what they do, and their results, by themselves.
  bool commits = false;

  // Without a command: the program and its arguments, argv[0] first. Empty:
  // those of this process, with --worker_role.
  std::string program;
  std::vector<std::string> arguments;

  // How often a message may be given to a worker before it gets an Error.
  int max_delivery_attempts = 3;
  // A worker that takes longer over a message is killed.
  absl::Duration handler_timeout = absl::Minutes(1);
  // A worker with more resident memory, or with more messages behind it, is
  // replaced. 0: never.
  size_t max_memory = 0;
  uint64_t max_messages = 0;
  // How long a worker may take until it is ready, and to leave when it was told
  // to and holds nothing.
  absl::Duration start_timeout = absl::Seconds(30);
  absl::Duration leave_timeout = absl::Seconds(5);

  // A larger payload of a result becomes an Error.
  size_t max_payload_bytes = 1 << 20;

  // Called once, on a thread of the pool, when no worker serves and none can be
  // started any more. May be empty.
  std::function<void(const absl::Status&)> on_failure;
};

// Bounds of what at least one worker has.
base::WrongSettings Validate(const WorkerOptions& options);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_OPTIONS_H_
