// What open sockets cost that nothing is sent on: memory, and CPU for
// heartbeats.
//
//   bazel run //benchmarks:idle_benchmark -- --sockets=10000 --seconds=30
//
// Beside them the same number of bare gRPC streams, which have no heartbeats:
// each is opened with one frame that is echoed. Every socket and stream has a
// connection of its own; servers and clients are processes of their own.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "benchmarks/benchmark_processor.h"
#include "benchmarks/child_server.h"
#include "benchmarks/raw_echo.h"
#include "client/message_stream.h"
#include "common/callback_threads.h"
#include "common/process_tuning.h"
#include "services/base/descriptor_limit.h"
#include "services/base/log.h"
#include "services/processor/handlers/builtin.h"
#include "tools/cluster/process_usage.h"

ABSL_FLAG(int, sockets, 10'000, "Sockets that are open at once.");
ABSL_FLAG(int, seconds, 30, "How long their CPU time is measured.");
ABSL_FLAG(std::string, role, "", "Internal: what the child process does.");
ABSL_FLAG(std::string, address, "", "Internal: of the server.");

namespace msgproc::benchmarks {
namespace {

// Connections that are being made at once.
constexpr size_t kConnecting = 64;
// What a server has open besides its connections, generously.
constexpr uint64_t kOtherDescriptors = 400;

double ResidentKib(pid_t pid) {
  return static_cast<double>(cluster::UsageOfTree(pid).resident_bytes) / 1024;
}

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

// Where that is allowed: a processor takes two for a connection.
void AskForDescriptors() {
  const auto wanted =
      static_cast<rlim_t>(absl::GetFlag(FLAGS_sockets)) * 2 + kOtherDescriptors;
  if (base::RaiseDescriptorLimit() >= wanted) return;
  const rlimit limit{.rlim_cur = wanted, .rlim_max = wanted};
  setrlimit(RLIMIT_NOFILE, &limit);
}

int ServeProcessor() {
  TuneProcess();
  const CallbackThreads callback_threads;
  base::InitLog(base::LogFormat::kText, base::LogLevel::kWarning);
  processor::HandlerRegistry handlers;
  processor::RegisterBuiltinHandlers(&handlers);
  processor::ServerOptions options;
  options.grpc.acceptor.max_connections =
      static_cast<size_t>(absl::GetFlag(FLAGS_sockets)) + 100;
  const auto server = StartBenchmarkProcessor(&handlers, std::move(options));
  ChildServer::Serve(server->address());
  return 0;
}

// Says how large the process was before, once all are open.
int HoldSockets(const std::string& address, int sockets) {
  TuneProcess();
  const CallbackThreads callback_threads;
  const double before = ResidentKib(getpid());
  std::vector<std::unique_ptr<client::MessageStream>> streams;
  for (int i = 0; i < sockets; ++i) {
    client::MessageStreamOptions options;
    options.target = address;
    options.on_result = [](const client::Result&) {};
    auto stream = client::MessageStream::Open(std::move(options));
    if (!stream.ok()) Die(stream.status().ToString());
    streams.push_back(*std::move(stream));
    const size_t connecting = std::min(streams.size(), kConnecting);
    const absl::Status connected =
        streams[streams.size() - connecting]->WaitUntilConnected(
            absl::Seconds(30));
    if (!connected.ok()) Die(connected.ToString());
  }
  for (const auto& stream : streams) {
    const absl::Status connected =
        stream->WaitUntilConnected(absl::Seconds(30));
    if (!connected.ok()) Die(connected.ToString());
  }
  ChildServer::Serve(absl::StrCat(before));
  // The kernel closes ten thousand sockets sooner than we do.
  std::_Exit(0);
}

int HoldRawStreams(const std::string& address, int sockets) {
  TuneProcess();
  const CallbackThreads callback_threads;
  const double before = ResidentKib(getpid());
  const auto streams = RawIdleStreams::Open(address, sockets);
  ChildServer::Serve(absl::StrCat(before));
  std::_Exit(0);
}

struct Cost {
  double client_kib = 0;  // A socket.
  double server_kib = 0;
  double client_cpu = 0;  // Of a core.
  double server_cpu = 0;
};

Cost Measure(const std::string& server_role, const std::string& client_role) {
  const int sockets = absl::GetFlag(FLAGS_sockets);
  const std::string count = absl::StrCat("--sockets=", sockets);
  const auto server = ChildServer::Start(server_role, {count});
  const double server_before = ResidentKib(server->pid());
  const auto client = ChildServer::Start(
      client_role, {count, absl::StrCat("--address=", server->address())});
  const double client_before = std::strtod(client->address().c_str(), nullptr);
  absl::SleepFor(absl::Seconds(2));
  Cost cost;
  cost.client_kib = (ResidentKib(client->pid()) - client_before) / sockets;
  cost.server_kib = (ResidentKib(server->pid()) - server_before) / sockets;
  const double client_cpu = client->CpuSeconds();
  const double server_cpu = server->CpuSeconds();
  const absl::Time begin = absl::Now();
  absl::SleepFor(absl::Seconds(absl::GetFlag(FLAGS_seconds)));
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  cost.client_cpu = (client->CpuSeconds() - client_cpu) / seconds;
  cost.server_cpu = (server->CpuSeconds() - server_cpu) / seconds;
  return cost;
}

void Print(const char* what, const Cost& cost) {
  std::printf("| %-18s | %8.1f KiB | %8.1f KiB | %5.2f %% | %5.2f %% |\n", what,
              cost.client_kib, cost.server_kib, cost.client_cpu * 100,
              cost.server_cpu * 100);
  std::fflush(stdout);
}

int Run() {
  const auto possible =
      static_cast<int>((base::DescriptorLimit() - kOtherDescriptors) / 2);
  if (absl::GetFlag(FLAGS_sockets) > possible) {
    std::printf(
        "A processor takes two descriptors for a connection, and may have %ld "
        "(ulimit -n): %d sockets instead of %d.\n\n",
        static_cast<long>(base::DescriptorLimit()), possible,
        absl::GetFlag(FLAGS_sockets));
    absl::SetFlag(&FLAGS_sockets, possible);
  }
  std::printf("%ld idle sockets, each:\n\n",
              static_cast<long>(absl::GetFlag(FLAGS_sockets)));
  std::printf(
      "|                    | client       | server       "
      "| CPU client | CPU server |\n");
  std::printf(
      "|--------------------|-------------:|-------------:"
      "|-----------:|-----------:|\n");
  const Cost raw = Measure("raw", "raw_client");
  Print("bare gRPC streams", raw);
  const Cost ours = Measure("processor", "client");
  Print("permanent sockets", ours);
  std::printf(
      "\nMemory: %.2f of a bare stream's (client %.2f, server %.2f).\n",
      (ours.client_kib + ours.server_kib) / (raw.client_kib + raw.server_kib),
      ours.client_kib / raw.client_kib, ours.server_kib / raw.server_kib);
  return 0;
}

}  // namespace
}  // namespace msgproc::benchmarks

int main(int argc, char** argv) {
  using namespace msgproc::benchmarks;  // NOLINT
  absl::SetProgramUsageMessage("Measures what idle sockets cost.");
  absl::ParseCommandLine(argc, argv);
  AskForDescriptors();
  const std::string role = absl::GetFlag(FLAGS_role);
  const std::string address = absl::GetFlag(FLAGS_address);
  const int sockets = absl::GetFlag(FLAGS_sockets);
  if (role == "raw") {
    msgproc::TuneProcess();
    const msgproc::CallbackThreads callback_threads;
    const auto server = RawEchoServer::Start();
    ChildServer::Serve(server->address());
    std::_Exit(0);
  }
  if (role == "processor") return ServeProcessor();
  if (role == "raw_client") return HoldRawStreams(address, sockets);
  if (role == "client") return HoldSockets(address, sockets);
  return Run();
}
