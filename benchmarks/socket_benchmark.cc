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
// The ceiling and ours take turns, `--repeat` times; a line shows the medians
// and the median of the ratios of neighbours. Each server is a process of its
// own, tuned as the product's is (common/process_tuning.h) where it is ours;
// the client's process, which both share, is not tuned. Every result of ours is
// checked.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "benchmarks/benchmark_processor.h"
#include "benchmarks/child_server.h"
#include "benchmarks/message_load.h"
#include "benchmarks/raw_echo.h"
#include "common/process_tuning.h"
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

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2,
                   values.end());
  return values[values.size() / 2];
}

void RunWorkload(const Workload& workload, const ChildServer& raw,
                 const ChildServer& processor) {
  const auto messages =
      static_cast<uint64_t>(static_cast<double>(workload.messages) *
                            (workload.burst ? 1 : absl::GetFlag(FLAGS_scale)));
  const RawEchoLoad ceiling{.address = raw.address(),
                            .streams = workload.streams,
                            .messages = messages,
                            .outstanding = workload.outstanding,
                            .messages_per_frame = workload.frame,
                            .payload_bytes = workload.payload_bytes};
  const MessageLoad ours{.address = processor.address(),
                         .streams = workload.streams,
                         .messages = messages,
                         .outstanding = workload.outstanding,
                         .max_batch = workload.max_batch,
                         .payload_bytes = workload.payload_bytes,
                         .latency = workload.latency,
                         .burst = workload.burst};
  RawEchoLoad bare = ceiling;
  RawEchoLoad tiny = ceiling;
  tiny.messages =
      ceiling.messages_per_frame * static_cast<uint64_t>(ceiling.streams);
  if (absl::GetFlag(FLAGS_raw_client)) bare.address = processor.address();
  std::vector<double> raw_rate, our_rate, ratio, raw_p50, our_p50, raw_p99,
      our_p99, p50_ratio, p99_ratio, seconds;
  for (int i = 0; i < absl::GetFlag(FLAGS_repeat); ++i) {
    Measurement a = RunRawEcho(absl::GetFlag(FLAGS_profile) ? tiny : ceiling);
    Measurement b =
        absl::GetFlag(FLAGS_raw_client) ? RunRawEcho(bare) : RunMessages(ours);
    raw_rate.push_back(a.MessagesPerSecond());
    our_rate.push_back(b.MessagesPerSecond());
    ratio.push_back(our_rate.back() / raw_rate.back());
    seconds.push_back(b.seconds);
    raw_p50.push_back(a.LatencyMicroseconds(0.5));
    our_p50.push_back(b.LatencyMicroseconds(0.5));
    raw_p99.push_back(a.LatencyMicroseconds(0.99));
    our_p99.push_back(b.LatencyMicroseconds(0.99));
    p50_ratio.push_back(our_p50.back() / raw_p50.back());
    p99_ratio.push_back(our_p99.back() / raw_p99.back());
  }
  std::printf("| %-10s | %10.0f | %10.0f | %5.2f |", workload.name,
              Median(our_rate), Median(raw_rate), Median(ratio));
  if (workload.latency) {
    std::printf(" p50 %.1f / %.1f µs = %.2f, p99 %.1f / %.1f µs = %.2f |",
                Median(our_p50), Median(raw_p50), Median(p50_ratio),
                Median(our_p99), Median(raw_p99), Median(p99_ratio));
  } else if (workload.burst) {
    std::printf(" all answered after %.2f ms |", Median(seconds) * 1000);
  } else {
    std::printf(
        " %.0f MB/s of payload |",
        Median(our_rate) * static_cast<double>(workload.payload_bytes) / 1e6);
  }
  std::printf("\n");
  std::fflush(stdout);
}

int ServeProcessor() {
  TuneProcess();
  processor::HandlerRegistry handlers;
  processor::RegisterBuiltinHandlers(&handlers);
  const auto server = StartBenchmarkProcessor(&handlers);
  ChildServer::Serve(server->address());
  return 0;
}

int Run() {
  const auto raw = ChildServer::Start("raw");
  const auto processor = ChildServer::Start("processor");
  std::printf("| workload   | messages/s |    ceiling | ratio | |\n");
  std::printf("|------------|-----------:|-----------:|------:|-|\n");
  for (const Workload& workload : kWorkloads) {
    const std::string only = absl::GetFlag(FLAGS_only);
    if (std::string(workload.name).compare(0, only.size(), only) == 0) {
      RunWorkload(workload, *raw, *processor);
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
  if (role == "raw") {
    const auto server = msgproc::benchmarks::RawEchoServer::Start();
    msgproc::benchmarks::ChildServer::Serve(server->address());
    return 0;
  }
  if (role == "processor") return msgproc::benchmarks::ServeProcessor();
  return msgproc::benchmarks::Run();
}
