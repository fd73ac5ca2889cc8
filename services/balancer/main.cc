#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "services/balancer/flags.h"
#include "services/balancer/server.h"
#include "services/base/flag_parser.h"
#include "services/base/server_flags.h"
#include "services/base/server_lifecycle.h"

int main(int argc, char** argv) {
  using msgproc::base::RunningServer;
  const msgproc::base::ProgramInfo program = {
      .name = "msgproc-balancer",
      .summary =
          "Tells clients which processor to connect to, and evens a "
          "fleet of processors out.",
      .usage = "bazel run //services/balancer -- [flags]"};
  msgproc::base::SetDefaultAddresses("127.0.0.1:50050", "127.0.0.1:8050");
  msgproc::base::ParseFlagsOrExit(argc, argv, program);
  return msgproc::base::RunServer(
      program,
      [](const msgproc::base::ServerOptions& common)
          -> absl::StatusOr<std::unique_ptr<RunningServer>> {
        auto options = msgproc::balancer::OptionsFromFlags(common);
        if (!options.ok()) return options.status();
        return msgproc::balancer::Server::Start(*std::move(options));
      },
      [](const msgproc::base::ServerOptions& common) {
        auto options = msgproc::balancer::OptionsFromFlags(common);
        if (!options.ok()) return options.status();
        return msgproc::balancer::Server::Check(*options);
      });
}
