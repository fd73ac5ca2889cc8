// A server's main() around a server that does nothing: what
// server_lifecycle_test runs, kills and listens to.
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/time/clock.h"
#include "services/base/flag_parser.h"
#include "services/base/http_server.h"
#include "services/base/log.h"
#include "services/base/server_flags.h"
#include "services/base/server_lifecycle.h"

ABSL_FLAG(bool, stuck, false, "Never finishes draining.");
ABSL_FLAG(int, chatter, 0, "Lines that it logs when it starts.");

namespace msgproc::base {
namespace {

class IdleServer final : public RunningServer {
 public:
  explicit IdleServer(std::unique_ptr<HttpServer> http)
      : http_(std::move(http)) {}
  std::string grpc_address() const override { return "nowhere"; }
  std::string http_address() const override { return http_->address(); }
  void Drain(absl::Duration timeout) override {
    std::printf("draining for %s\n", absl::FormatDuration(timeout).c_str());
    std::fflush(stdout);
    while (absl::GetFlag(FLAGS_stuck)) absl::SleepFor(absl::Seconds(1));
  }
  void Reload() override {
    std::printf("reloaded %d\n", ++reloads_);
    std::fflush(stdout);
  }

 private:
  const std::unique_ptr<HttpServer> http_;
  int reloads_ = 0;
};

absl::StatusOr<std::unique_ptr<RunningServer>> Start(
    const ServerOptions& options) {
  auto http = HttpServer::Start({options.http_address}, {});
  if (!http.ok()) return http.status();
  for (int i = 0; i < absl::GetFlag(FLAGS_chatter); ++i) LogInfo("chatter");
  std::puts("now serving");  // Also where the log level hides the line.
  std::fflush(stdout);
  return std::make_unique<IdleServer>(*std::move(http));
}

int Main(int argc, char** argv) {
  const ProgramInfo program{"msgproc-idle", "Does nothing.", "idle [flags]"};
  ParseFlagsOrExit(argc, argv, program);
  return RunServer(program, Start, [](const ServerOptions& options) {
    return options.http_address == "unix:/dev/null" ||
                   options.listen_address == "unix:/dev/null"
               ? absl::InvalidArgumentError("this is wrong\nand so is that")
               : absl::OkStatus();
  });
}

}  // namespace
}  // namespace msgproc::base

int main(int argc, char** argv) { return msgproc::base::Main(argc, argv); }
