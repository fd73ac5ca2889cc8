// What worker processes cost, and what they give.
//
//   echo    Model II beside Model I: throughput of one socket and of 16, and
//   the
//           round trip of a single message
//   work    `spin` burns 0, 1, 10 and 100 µs of CPU a message: Model II with 1
//           and 2 workers, on one socket and on 16, beside what as many threads
//           burn with nothing else to do. "share": of the CPU time that the
//           processor and its workers use, what the same work takes there; a
//           machine with other things to do, or a client on the same cores,
//           leaves it as it is
//
// Neighbours take turns, `--repeat` times; a line shows medians. Client,
// processor and workers are processes of their own, and the table tells their
// CPU time apart.
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "benchmarks/benchmark_processor.h"
#include "benchmarks/child_server.h"
#include "benchmarks/cpu_time.h"
#include "benchmarks/measurement.h"
#include "benchmarks/message_load.h"
#include "common/callback_threads.h"
#include "common/process_tuning.h"
#include "services/base/log.h"
#include "services/base/wrong_settings.h"
#include "services/processor/handlers/builtin.h"
#include "services/processor/server.h"
#include "services/processor/workers/worker_flags.h"
#include "services/processor/workers/worker_role.h"

ABSL_FLAG(int, repeat, 5, "How often each workload is measured.");
ABSL_FLAG(double, scale, 1, "Multiplies the messages of each run.");
ABSL_FLAG(std::string, only, "", "Only one of the tables: echo or work.");
ABSL_FLAG(int, spin, -1, "Only the lines of `work` with so many microseconds.");
ABSL_FLAG(int, profile, -1,
          "Only one echo workload, with so many workers, so that a profiler "
          "sees little else; tells the CPU time of each process.");
ABSL_FLAG(int, workload, 0, "Which of the echo workloads is profiled.");
ABSL_FLAG(std::string, role, "", "Internal: what the child process serves.");
ABSL_FLAG(int, spin_us, 0, "Internal: what the handler spin burns.");

namespace msgproc::benchmarks {
namespace {

std::unique_ptr<ChildServer> StartProcessor(int workers, int spin_us = 0) {
  return ChildServer::Start("processor", {absl::StrCat("--workers=", workers),
                                          absl::StrCat("--spin_us=", spin_us)});
}

struct EchoWorkload {
  const char* name;
  int streams;
  uint64_t messages;
  uint64_t outstanding;
  uint64_t max_batch;
  bool latency;
};

const EchoWorkload kEcho[] = {
    {"one socket, 1,024 outstanding", 1, 4'000'000, 1024, UINT64_MAX, false},
    {"one socket, 65,536 outstanding", 1, 8'000'000, 65536, UINT64_MAX, false},
    {"16 sockets, 64 outstanding", 16, 2'000'000, 64, UINT64_MAX, false},
    {"one a frame, 1,024 outstanding", 1, 300'000, 1024, 1, false},
    {"one outstanding (µs, p50)", 1, 30'000, 1, UINT64_MAX, true},
    {"one outstanding (µs, p99)", 1, 30'000, 1, UINT64_MAX, true},
};

double RunEcho(const EchoWorkload& workload, const ChildServer& server) {
  Measurement measured = RunMessages(
      {.address = server.address(),
       .streams = workload.streams,
       .messages = static_cast<uint64_t>(
           static_cast<double>(workload.messages) * absl::GetFlag(FLAGS_scale)),
       .outstanding = workload.outstanding,
       .max_batch = workload.max_batch,
       .latency = workload.latency});
  if (!workload.latency) return measured.MessagesPerSecond();
  return measured.LatencyMicroseconds(
      std::string(workload.name).find("p99") != std::string::npos ? 0.99 : 0.5);
}

void CompareEcho() {
  const auto model1 = StartProcessor(0);
  const auto one = StartProcessor(1);
  const auto two = StartProcessor(2);
  std::printf(
      "| echo, 64-byte payloads | Model I | 1 worker | ratio | 2 workers | "
      "ratio |\n|-|-:|-:|-:|-:|-:|\n");
  for (const EchoWorkload& workload : kEcho) {
    std::vector<double> a, b, c, ratio_b, ratio_c;
    for (int i = 0; i < absl::GetFlag(FLAGS_repeat); ++i) {
      a.push_back(RunEcho(workload, *model1));
      b.push_back(RunEcho(workload, *one));
      c.push_back(RunEcho(workload, *two));
      ratio_b.push_back(b.back() / a.back());
      ratio_c.push_back(c.back() / a.back());
    }
    const int digits = workload.latency ? 1 : 0;
    std::printf("| %s | %.*f | %.*f | %.2f | %.*f | %.2f |\n", workload.name,
                digits, Median(a), digits, Median(b), Median(ratio_b), digits,
                Median(c), Median(ratio_c));
    std::fflush(stdout);
  }
}

int Profile(size_t which, int workers) {
  if (which >= std::size(kEcho)) {
    std::fprintf(stderr, "--workload: there are %zu, from 0.\n",
                 std::size(kEcho));
    return 2;
  }
  const EchoWorkload& workload = kEcho[which];
  const auto server = StartProcessor(workers);
  for (int i = 0; i < absl::GetFlag(FLAGS_repeat); ++i) {
    const CpuTime before = CpuTime::Of(server->pid());
    const double rate = RunEcho(workload, *server);
    const CpuTime used = CpuTime::Of(server->pid()) - before;
    const double messages = static_cast<double>(workload.messages) *
                            absl::GetFlag(FLAGS_scale) / 1e9;
    std::printf(
        "%.0f messages/s; CPU ns a message: client %.0f, processor %.0f, "
        "workers %.0f\n",
        rate, used.client / messages, used.server / messages,
        used.workers / messages);
    std::fflush(stdout);
  }
  return 0;
}

struct Burnt {
  double messages_per_second = 0;
  double cpu_seconds_per_message = 0;
};

// What so many threads burn with nothing else to do.
Burnt BurnAlone(int threads, int spin_us) {
  processor::HandlerRegistry handlers;
  processor::RegisterBuiltinHandlers(&handlers,
                                     {.spin = absl::Microseconds(spin_us)});
  processor::Handler* spin = (*handlers.Find("spin"))->handler.get();
  std::vector<uint64_t> counts(static_cast<size_t>(threads));
  std::vector<std::thread> burning;
  const CpuTime before = CpuTime::Of(getpid());
  const absl::Time end = absl::Now() + absl::Seconds(1);
  for (uint64_t& count : counts) {
    burning.emplace_back([&count, spin, end] {
      const processor::Message message;
      processor::Reply reply;
      uint64_t done = 0;
      while (done % 64 != 0 || absl::Now() < end) {
        if (!spin->Handle({}, message, &reply).ok()) break;
        ++done;
      }
      count = done;
    });
  }
  double total = 0;
  for (std::thread& thread : burning) thread.join();
  for (const uint64_t count : counts) total += static_cast<double>(count);
  const CpuTime used = CpuTime::Of(getpid()) - before;
  return {.messages_per_second = total,
          .cpu_seconds_per_message = used.client / total};
}

void RunWork(int spin_us, int workers, int streams) {
  const auto server = StartProcessor(workers, spin_us);
  const double guess = spin_us == 0 ? 1e6 : workers * 0.8e6 / spin_us;
  std::vector<double> rate, alone, ratio, client, master, work, share;
  for (int i = 0; i < absl::GetFlag(FLAGS_repeat); ++i) {
    const Burnt burnt = BurnAlone(workers, std::max(1, spin_us));
    const CpuTime before = CpuTime::Of(server->pid());
    Measurement measured = RunMessages(
        {.address = server->address(),
         .handler = "spin",
         .streams = streams,
         .messages =
             static_cast<uint64_t>(guess * 2 * absl::GetFlag(FLAGS_scale)),
         .outstanding = static_cast<uint64_t>(streams == 1 ? 1024 : 64)});
    const CpuTime used = CpuTime::Of(server->pid()) - before;
    rate.push_back(measured.MessagesPerSecond());
    alone.push_back(burnt.messages_per_second);
    ratio.push_back(rate.back() / burnt.messages_per_second);
    client.push_back(used.client / measured.seconds);
    master.push_back(used.server / measured.seconds);
    work.push_back(used.workers / measured.seconds);
    share.push_back(burnt.cpu_seconds_per_message * rate.back() /
                    (master.back() + work.back()));
  }
  std::printf("| %d µs | %d | %d | %.0f |", spin_us, workers, streams,
              Median(rate));
  if (spin_us == 0) {
    std::printf(" | | |");
  } else {
    std::printf(" %.0f | %.2f | %.2f |", Median(alone), Median(ratio),
                Median(share));
  }
  std::printf(" %.2f | %.2f | %.2f |\n", Median(client), Median(master),
              Median(work));
  std::fflush(stdout);
}

void MeasureWork() {
  std::printf(
      "| work | workers | sockets | messages/s | work alone | ratio | share "
      "| cores: client | processor | workers |\n"
      "|-|-:|-:|-:|-:|-:|-:|-:|-:|-:|\n");
  const int only = absl::GetFlag(FLAGS_spin);
  for (const int spin_us : {0, 1, 10, 100}) {
    if (only >= 0 && only != spin_us) continue;
    for (const int streams : {1, 16}) {
      for (const int workers : {1, 2}) RunWork(spin_us, workers, streams);
    }
  }
}

int Serve() {
  if (!processor::IsWorkerRole()) TuneProcess();  // As the product does.
  base::InitLog(base::LogFormat::kText, base::LogLevel::kWarning);
  processor::HandlerRegistry handlers;
  processor::RegisterBuiltinHandlers(
      &handlers, {.spin = absl::Microseconds(absl::GetFlag(FLAGS_spin_us))});
  if (processor::IsWorkerRole()) return processor::RunWorkerRole(handlers);
  processor::ServerOptions options;
  base::WrongSettings wrong;
  options.workers = processor::WorkerOptionsFromFlags(&wrong);
  if (!wrong.empty()) {
    std::fprintf(stderr, "%s\n", wrong.AsStatus().ToString().c_str());
    return 2;
  }
  const auto server = StartBenchmarkProcessor(&handlers, std::move(options));
  const CallbackThreads callback_threads;
  ChildServer::Serve(server->address());
  return 0;
}

}  // namespace
}  // namespace msgproc::benchmarks

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("Measures Model II beside Model I.");
  absl::ParseCommandLine(argc, argv);
  if (absl::GetFlag(FLAGS_role) == "processor") {
    return msgproc::benchmarks::Serve();
  }
  const msgproc::CallbackThreads callback_threads;
  if (absl::GetFlag(FLAGS_profile) >= 0) {
    return msgproc::benchmarks::Profile(
        static_cast<size_t>(absl::GetFlag(FLAGS_workload)),
        absl::GetFlag(FLAGS_profile));
  }
  const std::string only = absl::GetFlag(FLAGS_only);
  if (only.empty() || only == "echo") msgproc::benchmarks::CompareEcho();
  if (only.empty() || only == "work") msgproc::benchmarks::MeasureWork();
  return 0;
}
