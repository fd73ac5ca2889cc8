#include <cstdio>
#include <string>

#include "services/balancer/flags.h"
#include "services/balancer/server.h"
#include "services/base/flag_parser.h"
#include "services/base/server_flags.h"
#include "services/base/server_lifecycle.h"

int main(int argc, char** argv) {
  using msgproc::server::RunningServer;
  msgproc::server::SetDefaultAddresses("127.0.0.1:50050", "127.0.0.1:8050");
  msgproc::server::ParseFlagsOrExit(
      argc, argv,
      {.name = "msgproc-balancer",
       .summary = "Tells clients which processor to connect to, and evens a "
                  "fleet of processors out.",
       .usage = "bazel run //services/balancer -- [flags]"});
  const auto common = msgproc::server::ServerOptionsFromFlags();
  if (!common.ok()) {
    std::fprintf(stderr, "%s\n",
                 std::string(common.status().message()).c_str());
    return msgproc::server::kUsageExitCode;
  }
  return msgproc::server::RunServer(
      "msgproc-balancer", *common,
      [&]() -> absl::StatusOr<std::unique_ptr<RunningServer>> {
        auto options = msgproc::balancer::OptionsFromFlags(*common);
        if (!options.ok()) return options.status();
        return msgproc::balancer::Server::Start(*std::move(options));
      });
}
