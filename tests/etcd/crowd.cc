// Many processors' registrations in etcd from one process, to see what they
// cost: see crowd.py. Registers them all at once, and lets them all leave at
// once when its standard input ends.
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/check.h"
#include "common/clock.h"
#include "msgproc/v1/balancer.pb.h"
#include "services/etcd/registry_flags.h"
#include "services/processor/registration/etcd_connection.h"

ABSL_FLAG(int, servers, 1000, "How many.");
ABSL_FLAG(std::string, address, "", "Where all of them can be reached.");
ABSL_FLAG(bool, busy, false, "Each report says something new.");

namespace msgproc::tests {
namespace {

using processor::EtcdConnection;

absl::Time Now() { return Clock::Monotonic()->Now(); }

v1::RegisterRequest Report(int index, bool busy) {
  v1::RegisterRequest report;
  report.set_server_id(absl::StrCat("crowd-", index));
  report.set_address(absl::GetFlag(FLAGS_address));
  report.set_weight(1);
  report.set_state(v1::SERVER_STATE_SERVING);
  report.set_sessions(1000);
  report.mutable_vitals()->set_version("crowd");
  static std::atomic<uint64_t> messages{0};
  if (busy) report.set_messages_per_second(static_cast<double>(++messages));
  return report;
}

size_t Registered(const std::vector<std::unique_ptr<EtcdConnection>>& servers) {
  size_t count = 0;
  for (const auto& server : servers) count += server->registered() ? 1 : 0;
  return count;
}

int Run() {
  auto registry = etcd::RegistryOptionsFromFlags();
  MSGPROC_CHECK(registry.ok());
  if (!registry->has_value()) {
    std::fprintf(stderr,
                 "crowd: say where to register: --registry=etcd://...\n");
    return 2;
  }
  const etcd::RegistryOptions& options = **registry;
  const bool busy = absl::GetFlag(FLAGS_busy);
  const int count = absl::GetFlag(FLAGS_servers);
  const absl::Time start = Now();
  std::vector<std::unique_ptr<EtcdConnection>> servers;
  for (int i = 0; i < count; ++i) {
    servers.push_back(std::make_unique<EtcdConnection>(
        EtcdConnection::Options{.url = options.url,
                                .client = options.client,
                                .server_id = absl::StrCat("crowd-", i)},
        [i, busy] { return Report(i, busy); }, [](const v1::Move&) {},
        [](const v1::Order&) {}));
  }
  while (Registered(servers) < servers.size()) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  std::printf("registered %.2f\n", absl::ToDoubleSeconds(Now() - start));
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  uint64_t writes = 0;
  uint64_t lost = 0;
  uint64_t failures = 0;
  for (const auto& server : servers) {
    const EtcdConnection::Stats stats = server->stats();
    writes += stats.writes;
    lost += stats.leases_lost;
    failures += stats.failures;
  }
  const absl::Time leaving = Now();
  for (const auto& server : servers) server->SayGoodbye();
  for (const auto& server : servers) {
    server->AwaitEnd(leaving + absl::Seconds(60));
  }
  std::printf("left %.2f writes %llu lost %llu failures %llu\n",
              absl::ToDoubleSeconds(Now() - leaving),
              static_cast<unsigned long long>(writes),
              static_cast<unsigned long long>(lost),
              static_cast<unsigned long long>(failures));
  return 0;
}

}  // namespace
}  // namespace msgproc::tests

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return msgproc::tests::Run();
}
