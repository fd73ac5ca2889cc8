// What it costs to keep sessions in a store: messages a second through a
// permanent socket, where each result is on disk before it leaves.
//
//   results, N x 1,024   any handler (echo): its results are committed
//   upsert, N x 1,024    a transactional handler: one UPSERT a message
//   one at a time        a lone message's round trip
//
// N sockets with 1,024 messages outstanding each, 64-byte payloads, every
// result checked. The processor is a process of its own, on a new store for
// each line; PostgreSQL is a server of the benchmark's own, with its default
// settings. The stores take turns, `--repeat` times; a line shows the median,
// and the median of the ratios to memory. Beside it stands what others reach on
// the same disk.
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "benchmarks/benchmark_processor.h"
#include "benchmarks/child_server.h"
#include "benchmarks/cpu_time.h"
#include "benchmarks/durable/baselines.h"
#include "benchmarks/durable/upsert.h"
#include "benchmarks/measurement.h"
#include "benchmarks/message_load.h"
#include "common/callback_threads.h"
#include "common/process_tuning.h"
#include "services/base/log.h"
#include "services/processor/handlers/builtin.h"
#include "services/processor/store/testing/postgres_cluster.h"

ABSL_FLAG(int, repeat, 3, "How often each workload is measured.");
ABSL_FLAG(double, scale, 1, "Multiplies the messages of each run.");
ABSL_FLAG(std::string, only, "",
          "Only lines whose \"workload, store\" contains this.");
ABSL_FLAG(bool, profile, false, "Skips what others reach.");
ABSL_FLAG(std::string, directory, "/tmp",
          "Where the stores are made; on the disk that is to be measured.");
ABSL_FLAG(std::string, role, "", "Internal: what the child process serves.");
ABSL_FLAG(std::string, store, "", "Internal: its store.");

namespace msgproc::benchmarks {
namespace {

using processor::PostgresCluster;

enum class Store { kMemory, kSqlite, kPostgres };
constexpr Store kStores[] = {Store::kMemory, Store::kSqlite, Store::kPostgres};
constexpr const char* kStoreNames[] = {"memory", "sqlite", "postgresql"};

struct Workload {
  const char* name;
  const char* handler;
  int streams;
  uint64_t outstanding;
  bool latency;
  // By store; 0: there is no such thing.
  uint64_t messages[3];
};

const Workload kWorkloads[] = {
    {"results, 16 x 1,024",
     "echo",
     16,
     1024,
     false,
     {16'000'000, 8'000'000, 3'000'000}},
    {"results, 1 x 1,024",
     "echo",
     1,
     1024,
     false,
     {8'000'000, 4'000'000, 2'000'000}},
    {"upsert, 16 x 1,024", "upsert", 16, 1024, false, {0, 1'000'000, 300'000}},
    {"upsert, 1 x 1,024", "upsert", 1, 1024, false, {0, 1'000'000, 200'000}},
    {"one at a time", "echo", 1, 1, true, {40'000, 10'000, 10'000}},
};

// Where everything is kept; gone with it.
class Directory {
 public:
  Directory() {
    path_ = absl::GetFlag(FLAGS_directory) + "/durable-benchmark-XXXXXX";
    if (mkdtemp(path_.data()) == nullptr) {
      std::fprintf(stderr,
                   "cannot make a directory in %s: choose another "
                   "--directory\n",
                   absl::GetFlag(FLAGS_directory).c_str());
      std::exit(1);
    }
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }
  std::string Fresh(const std::string& suffix) {
    return absl::StrCat(path_, "/", ++files_, suffix);
  }

 private:
  std::string path_;
  int files_ = 0;
};

struct Line {
  std::vector<double> rate, ratio, p50, p99, client_ns, server_ns;
};

class Benchmark {
 public:
  Benchmark() {
    auto cluster = PostgresCluster::Make();
    if (cluster.ok()) {
      cluster_ = *std::move(cluster);
    } else {
      std::printf("Without PostgreSQL: %s\n",
                  std::string(cluster.status().message()).c_str());
    }
  }

  void Run() {
    std::printf(
        "| workload            | store      | messages/s | of memory | client |"
        " server | |\n"
        "|---------------------|------------|-----------:|----------:|-------:|"
        "-------:|-|\n");
    for (const Workload& workload : kWorkloads) RunWorkload(workload);
    if (!absl::GetFlag(FLAGS_profile)) RunOthers();
  }

 private:
  bool Wanted(const Workload& workload, size_t store) const {
    const std::string line =
        absl::StrCat(workload.name, ", ", kStoreNames[store]);
    return workload.messages[store] > 0 &&
           (kStores[store] != Store::kPostgres || cluster_ != nullptr) &&
           line.find(absl::GetFlag(FLAGS_only)) != std::string::npos;
  }

  std::string FreshUrl(Store store) {
    if (store == Store::kMemory) return "memory";
    if (store == Store::kPostgres) return cluster_->FreshUrl();
    return "sqlite:" + directory_.Fresh(".db");
  }

  Measurement Measure(const Workload& workload, size_t store, Line* line) {
    const auto server = ChildServer::Start(
        "processor", {"--store=" + FreshUrl(kStores[store])});
    if (std::string(workload.handler) == "upsert") {
      RunMessages({.address = server->address(),
                   .handler = "make_table",
                   .messages = 1});
    }
    const CpuTime before = CpuTime::Of(server->pid());
    Measurement measured =
        RunMessages({.address = server->address(),
                     .handler = workload.handler,
                     .streams = workload.streams,
                     .messages = static_cast<uint64_t>(
                         static_cast<double>(workload.messages[store]) *
                         absl::GetFlag(FLAGS_scale)),
                     .outstanding = workload.outstanding,
                     .latency = workload.latency});
    const CpuTime used = CpuTime::Of(server->pid()) - before;
    const auto count = static_cast<double>(measured.messages);
    line->client_ns.push_back(used.client / count * 1e9);
    line->server_ns.push_back(used.server / count * 1e9);
    line->rate.push_back(measured.MessagesPerSecond());
    if (workload.latency) {
      line->p50.push_back(measured.LatencyMicroseconds(0.5));
      line->p99.push_back(measured.LatencyMicroseconds(0.99));
    }
    return measured;
  }

  void RunWorkload(const Workload& workload) {
    Line lines[3];
    const CallbackThreads callback_threads;
    for (int i = 0; i < absl::GetFlag(FLAGS_repeat); ++i) {
      double memory = 0;
      for (size_t store = 0; store < 3; ++store) {
        if (!Wanted(workload, store)) continue;
        const double rate =
            Measure(workload, store, &lines[store]).MessagesPerSecond();
        if (kStores[store] == Store::kMemory) memory = rate;
        if (memory > 0) lines[store].ratio.push_back(rate / memory);
      }
    }
    for (size_t store = 0; store < 3; ++store) {
      if (!lines[store].rate.empty()) {
        Print(workload.name, kStoreNames[store], lines[store]);
      }
    }
  }

  static void Print(const char* workload, const char* store, const Line& line) {
    const std::string ratio =
        line.ratio.empty() ? "" : absl::StrCat(Median(line.ratio));
    std::printf("| %-19s | %-10s | %10.0f | %9.5s | %6.0f | %6.0f |", workload,
                store, Median(line.rate), ratio.c_str(), Median(line.client_ns),
                Median(line.server_ns));
    if (!line.p50.empty()) {
      std::printf(" p50 %.0f µs, p99 %.0f µs |", Median(line.p50),
                  Median(line.p99));
    }
    std::printf("\n");
    std::fflush(stdout);
  }

  void RunOthers() {
    constexpr absl::Duration kTime = absl::Seconds(2);
    const std::string& directory = directory_.path();
    std::printf("\nBeside it, a second:\n");
    Other("fdatasync after 4 KiB", SyncsPerSecond(directory, kTime));
    Other("SQLite, a transaction an upsert",
          SqliteTransactionsPerSecond(directory, kTime));
    for (const int connections : {1, 4, 16}) {
      if (cluster_ == nullptr) break;
      Other(absl::StrCat("PostgreSQL, a transaction an upsert, ", connections,
                         " connections"),
            PostgresTransactionsPerSecond(cluster_->FreshUrl(), connections,
                                          kTime));
    }
    for (const int pipeline : {1, 64, 1024}) {
      const auto rate = RedisEntriesPerSecond(directory, pipeline,
                                              pipeline == 1 ? 20'000 : 400'000);
      if (!rate.has_value()) {
        std::printf("  (Redis is not installed)\n");
        break;
      }
      Other(absl::StrCat("Redis XADD, appendfsync always, 16 x ", pipeline),
            *rate);
    }
  }
  static void Other(const std::string& what, double rate) {
    std::printf("  %10.0f  %s\n", rate, what.c_str());
    std::fflush(stdout);
  }

  Directory directory_;
  std::unique_ptr<PostgresCluster> cluster_;
};

int ServeProcessor() {
  TuneProcess();
  base::InitLog(base::LogFormat::kText, base::LogLevel::kWarning);
  processor::HandlerRegistry handlers;
  processor::RegisterBuiltinHandlers(&handlers);
  RegisterUpsert(&handlers);
  processor::ServerOptions options;
  const std::string store = absl::GetFlag(FLAGS_store);
  if (store != "memory") options.store.url = store;
  const auto server = StartBenchmarkProcessor(&handlers, std::move(options));
  const CallbackThreads callback_threads;
  ChildServer::Serve(server->address());
  return 0;
}

}  // namespace
}  // namespace msgproc::benchmarks

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "Measures what it costs to keep sessions in a store.");
  absl::ParseCommandLine(argc, argv);
  if (absl::GetFlag(FLAGS_role) == "processor") {
    return msgproc::benchmarks::ServeProcessor();
  }
  msgproc::TuneProcess();
  msgproc::benchmarks::Benchmark().Run();
  return 0;
}
