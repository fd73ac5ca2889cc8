// How close the permanent socket comes to the least that gRPC allows.
//
//   workload        ours                                   ceiling
//   one-1k          one socket, 1,024 outstanding          frames of 256
//   one-64k         one socket, 65,536 outstanding         frames of 1,024
//   sixteen-64      16 sockets of 64 outstanding           frames of 64
//   single          one message a frame, 1,024 outstanding frames of 1
//   window-1        one message outstanding                frames of 1
//   burst           10,000 messages at once, socket warm   -
//   16k, 1m         payloads of 16 KiB and 1 MiB           frames of 64 and 1
//
// The ceiling is measured twice: with gRPC's threads as they come ("plain"),
// and with one polling thread at either end (common/callback_threads.h) and
// malloc set as in the products ("tuned"). All three take turns, `--repeat`
// times; a line shows the medians, the medians of the ratios of neighbours, and
// the CPU time that our client's process and our server's take for a message,
// in ns. Each server is a process of its own. Ours, the ceiling's and the
// client's process, which all share, are set as the products are
// (common/process_tuning.h); the plain server's is left as it comes. Every
// result of ours is checked.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "benchmarks/benchmark_processor.h"
#include "benchmarks/child_server.h"
#include "benchmarks/cpu_time.h"
#include "benchmarks/measurement.h"
#include "benchmarks/message_load.h"
#include "benchmarks/raw_echo.h"
#include "common/callback_threads.h"
#include "common/process_tuning.h"
#include "services/base/log.h"
#include "services/processor/handlers/builtin.h"

ABSL_FLAG(int, repeat, 5, "How often each workload is measured.");
ABSL_FLAG(double, scale, 1, "Multiplies the messages of each run.");
ABSL_FLAG(std::string, only, "", "Only the workloads whose name begins so.");
ABSL_FLAG(
    bool, raw_client, false,
    "Ours is the ceiling's client at the processor: what the server alone "
    "costs.");
ABSL_FLAG(bool, profile, false,
          "Skips the ceiling, so that a profiler sees ours alone.");
ABSL_FLAG(std::string, role, "", "Internal: what the child process serves.");

namespace msgproc::benchmarks {
namespace {

struct Servers {
  std::unique_ptr<ChildServer> plain;
  std::unique_ptr<ChildServer> ceiling;
  std::unique_ptr<ChildServer> processor;
};

struct Workload {
  const char* name;
  int streams;
  uint64_t messages;
  uint64_t outstanding;
  uint64_t max_batch;  // Ours.
  uint64_t frame;      // The ceiling's.
  size_t payload_bytes;
  bool latency;
  bool burst;
};

constexpr uint64_t kAny = UINT64_MAX;
const Workload kWorkloads[] = {
    {"one-1k", 1, 4'000'000, 1024, kAny, 256, 64, false, false},
    {"one-64k", 1, 8'000'000, 65536, kAny, 1024, 64, false, false},
    {"sixteen-64", 16, 2'000'000, 64, kAny, 64, 64, false, false},
    {"single", 1, 200'000, 1024, 1, 1, 64, false, false},
    {"window-1", 1, 40'000, 1, kAny, 1, 64, true, false},
    {"burst", 1, 10'000, 10'000, kAny, 1024, 64, false, true},
    {"16k", 1, 100'000, 256, kAny, 64, 16 << 10, false, false},
    {"1m", 1, 2'000, 16, kAny, 1, 1 << 20, false, false},
};

// What one program reached, run by run, beside what ours did next to it.
struct Beside {
  std::vector<double> rate, ratio, p50, p50_ratio, p99, p99_ratio;

  void Add(const Measurement& it, const Measurement& ours) {
    rate.push_back(it.MessagesPerSecond());
    ratio.push_back(ours.MessagesPerSecond() / it.MessagesPerSecond());
    p50.push_back(it.LatencyMicroseconds(0.5));
    p50_ratio.push_back(ours.LatencyMicroseconds(0.5) / p50.back());
    p99.push_back(it.LatencyMicroseconds(0.99));
    p99_ratio.push_back(ours.LatencyMicroseconds(0.99) / p99.back());
  }
};

void PrintLine(const Workload& workload, const Beside& ours,
               const Beside& plain, const Beside& ceiling, double seconds,
               double client_ns, double server_ns) {
  std::printf(
      "| %-10s | %10.0f | %10.0f | %5.2f | %10.0f | %5.2f | %7.0f | %7.0f |",
      workload.name, Median(ours.rate), Median(plain.rate), Median(plain.ratio),
      Median(ceiling.rate), Median(ceiling.ratio), client_ns, server_ns);
  if (workload.latency) {
    std::printf(
        " p50 %.1f µs, plain %.1f: %.2f, tuned %.1f: %.2f; p99 %.1f µs, "
        "plain %.1f: %.2f, tuned %.1f: %.2f |",
        Median(ours.p50), Median(plain.p50), Median(plain.p50_ratio),
        Median(ceiling.p50), Median(ceiling.p50_ratio), Median(ours.p99),
        Median(plain.p99), Median(plain.p99_ratio), Median(ceiling.p99),
        Median(ceiling.p99_ratio));
  } else if (workload.burst) {
    std::printf(" all answered after %.2f ms |", seconds * 1000);
  } else {
    std::printf(
        " %.0f MB/s of payload |",
        Median(ours.rate) * static_cast<double>(workload.payload_bytes) / 1e6);
  }
  std::printf("\n");
  std::fflush(stdout);
}

void RunWorkload(const Workload& workload, const Servers& servers) {
  const auto messages =
      static_cast<uint64_t>(static_cast<double>(workload.messages) *
                            (workload.burst ? 1 : absl::GetFlag(FLAGS_scale)));
  const RawEchoLoad plain{.address = servers.plain->address(),
                          .streams = workload.streams,
                          .messages = messages,
                          .outstanding = workload.outstanding,
                          .messages_per_frame = workload.frame,
                          .payload_bytes = workload.payload_bytes};
  RawEchoLoad ceiling = plain;
  ceiling.address = servers.ceiling->address();
  RawEchoLoad bare = plain;
  bare.address = servers.processor->address();
  const MessageLoad ours{.address = servers.processor->address(),
                         .streams = workload.streams,
                         .messages = messages,
                         .outstanding = workload.outstanding,
                         .max_batch = workload.max_batch,
                         .payload_bytes = workload.payload_bytes,
                         .latency = workload.latency,
                         .burst = workload.burst};
  Beside beside_ours, beside_plain, beside_ceiling;
  std::vector<double> seconds, client_ns, server_ns;
  for (int i = 0; i < absl::GetFlag(FLAGS_repeat); ++i) {
    const bool compare = !absl::GetFlag(FLAGS_profile);
    const Measurement a = compare ? RunRawEcho(plain) : Measurement();
    const CallbackThreads callback_threads;
    const Measurement b = compare ? RunRawEcho(ceiling) : Measurement();
    const pid_t server = servers.processor->pid();
    const CpuTime before = CpuTime::Of(server);
    const Measurement c =
        absl::GetFlag(FLAGS_raw_client) ? RunRawEcho(bare) : RunMessages(ours);
    const CpuTime used = CpuTime::Of(server) - before;
    const auto count = static_cast<double>(c.messages);
    client_ns.push_back(used.client / count * 1e9);
    server_ns.push_back(used.server / count * 1e9);
    beside_ours.Add(c, c);
    beside_plain.Add(a, c);
    beside_ceiling.Add(b, c);
    seconds.push_back(c.seconds);
  }
  PrintLine(workload, beside_ours, beside_plain, beside_ceiling,
            Median(seconds), Median(client_ns), Median(server_ns));
}

int ServeProcessor() {
  TuneProcess();
  base::InitLog(base::LogFormat::kText, base::LogLevel::kWarning);
  processor::HandlerRegistry handlers;
  processor::RegisterBuiltinHandlers(&handlers);
  const auto server = StartBenchmarkProcessor(&handlers);
  const CallbackThreads callback_threads;
  ChildServer::Serve(server->address());
  return 0;
}

int ServePlain() {
  const auto server = RawEchoServer::Start();
  ChildServer::Serve(server->address());
  return 0;
}

int ServeCeiling() {
  TuneProcess();
  const auto server = RawEchoServer::Start();
  const CallbackThreads callback_threads;
  ChildServer::Serve(server->address());
  return 0;
}

int Run() {
  TuneProcess();
  const Servers servers = {.plain = ChildServer::Start("plain"),
                           .ceiling = ChildServer::Start("ceiling"),
                           .processor = ChildServer::Start("processor")};
  std::printf(
      "| workload   | messages/s |      plain | ratio |      tuned | ratio | "
      " client |  server | |\n"
      "|------------|-----------:|-----------:|------:|-----------:|------:|-"
      "-------:|--------:|-|\n");
  const std::string only = absl::GetFlag(FLAGS_only);
  for (const Workload& workload : kWorkloads) {
    if (std::string(workload.name).compare(0, only.size(), only) == 0) {
      RunWorkload(workload, servers);
    }
  }
  return 0;
}

}  // namespace
}  // namespace msgproc::benchmarks

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "Measures the permanent socket beside a raw gRPC echo.");
  absl::ParseCommandLine(argc, argv);
  const std::string role = absl::GetFlag(FLAGS_role);
  if (role == "plain") return msgproc::benchmarks::ServePlain();
  if (role == "ceiling") return msgproc::benchmarks::ServeCeiling();
  if (role == "processor") return msgproc::benchmarks::ServeProcessor();
  return msgproc::benchmarks::Run();
}
