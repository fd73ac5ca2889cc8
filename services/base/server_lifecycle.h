#ifndef MSGPROC_SERVICES_BASE_SERVER_LIFECYCLE_H_
#define MSGPROC_SERVICES_BASE_SERVER_LIFECYCLE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/flag_parser.h"
#include "services/base/server_flags.h"

namespace msgproc::base {

// A server that is up: the processor or the balancer. Owned by RunServer, whose
// thread calls everything.
class RunningServer {
 public:
  virtual ~RunningServer() = default;

  // With the real ports; http_address is empty where there is no HTTP page.
  virtual std::string grpc_address() const = 0;
  virtual std::string http_address() const = 0;
  // Empty where xDS is not served.
  virtual std::string xds_address() const { return ""; }

  // Finishes what is open, for at most `timeout`; returns when all is finished
  // or ended. Called once.
  virtual void Drain(absl::Duration timeout) = 0;

  // SIGHUP. Called any number of times before Drain.
  virtual void Reload() {}
};

// Starts a server with what its flags say. Its owner, RunServer, destroys it.
using StartServer =
    std::function<absl::StatusOr<std::unique_ptr<RunningServer>>(
        const ServerOptions& options)>;

// Whether a server would start with what its flags say, as far as that can be
// known without listening, connecting or starting anything.
using CheckServer = std::function<absl::Status(const ServerOptions& options)>;

// The life of a server's process after ParseFlagsOrExit: sets up log,
// signals and the limit on descriptors, starts it, logs where it listens, tells
// systemd, writes the address file, waits for SIGTERM or SIGINT, drains, and
// gives main's exit code: 0 after a drain; 2 when it could not start because of
// what it was told (flags, files); 1 when it could not start for another reason
// (a taken port). Called from main, before any thread is started, once.
//
// `check` reads and judges all that `start` would: it comes first, so that all
// that is wrong is said together, a line each, and before anything listens.
// With --check_config that is all, and ends with "ok" if nothing is: 0 or 1.
int RunServer(const ProgramInfo& program, const StartServer& start,
              const CheckServer& check);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_SERVER_LIFECYCLE_H_
