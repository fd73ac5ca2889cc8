#include "services/processor/live/processor_live.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <limits>

#include "common/check.h"
#include "common/clock.h"
#include "common/proc_files.h"
#include "common/process_limits.h"
#include "services/processor/live/write_worker.h"
#include "services/processor/session/principal_usage.h"
#include "services/processor/session/processor_counters.h"
#include "services/processor/store/store_counters.h"
#include "services/processor/workers/worker_facts.h"
#include "wire/proto_duration.h"

namespace msgproc::processor {
namespace {

using base::JsonWriter;

// Shown on the page; `msgproc workers` lists all.
constexpr size_t kMostWorkers = 64;

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

template <typename T>
double Load(const std::atomic<T>& value) {
  return static_cast<double>(value.load(std::memory_order_relaxed));
}

uint64_t Answered(const ProcessorCounters& counters) {
  return counters.messages_ok.load(std::memory_order_relaxed) +
         counters.messages_error.load(std::memory_order_relaxed);
}

}  // namespace

ProcessorLive::ProcessorLive(Sources sources)
    : sources_(std::move(sources)),
      begun_(Clock::Monotonic()->Now()),
      latency_([this] { return MessageSeconds(); }, Clock::Monotonic()),
      read_at_(begun_),
      cpu_(CpuTime(Workers())) {}

base::LiveFeed::Options ProcessorLive::FeedOptions() {
  return {.figures = {"streams", "messages_per_second", "latency_p50",
                      "latency_p99", "cpu", "memory", "outstanding",
                      "commit_p99"}};
}

base::HistogramSnapshot ProcessorLive::MessageSeconds() const {
  base::HistogramSnapshot all;
  for (const auto& handler : sources_.server->context()->handlers()) {
    const base::HistogramSnapshot one =
        handler->counters.message_seconds.Snapshot();
    if (all.bounds.empty()) {
      all = one;
      continue;
    }
    MSGPROC_CHECK_EQ(all.counts.size(), one.counts.size());
    for (size_t i = 0; i < one.counts.size(); ++i) {
      all.counts[i] += one.counts[i];
    }
    all.sum += one.sum;
  }
  // There is a handler that streams get which name none.
  MSGPROC_CHECK(!all.bounds.empty());
  return all;
}

WorkerUsage ProcessorLive::Workers() const {
  const WorkerProcessExecutor* const workers = sources_.server->workers();
  return workers == nullptr ? WorkerUsage() : ReadWorkerUsage(*workers);
}

absl::Duration ProcessorLive::CpuTime(const WorkerUsage& workers) const {
  absl::Duration total = CpuTimeOf(getpid());
  if (sources_.server->workers() == nullptr) return total;
  const auto own = ReadProcessStat(getpid());
  if (own.has_value()) total += own->reaped_cpu;
  return total + workers.cpu;
}

uint64_t ProcessorLive::ResidentBytes(const WorkerUsage& workers) {
  return ReadResidentBytes(getpid()) + workers.resident_bytes;
}

base::MetricHistory::Sample ProcessorLive::Read() {
  const ProcessorCounters& c = *sources_.server->context()->counters();
  const absl::Time now = Clock::Monotonic()->Now();
  const double seconds =
      std::max(1e-3, absl::ToDoubleSeconds(now - std::exchange(read_at_, now)));
  const uint64_t messages = Answered(c);
  const double rate =
      static_cast<double>(messages - std::exchange(messages_, messages)) /
      seconds;
  const WorkerUsage workers = Workers();
  const absl::Duration cpu = CpuTime(workers);
  // What a worker took seems gone between its end and its burial. Of a moment,
  // as the first time, it says nothing: to read it takes time as well.
  const double used = absl::ToDoubleSeconds(cpu - std::exchange(cpu_, cpu));
  const double cores = seconds < 0.1 ? kUnknown : std::max(0.0, used / seconds);
  const base::HistogramSnapshot latencies =
      message_seconds_.Advance(MessageSeconds());
  double commit_p99 = kUnknown;
  if (StoreCommitter* const committer = sources_.server->committer()) {
    commit_p99 =
        base::Quantile(commit_seconds_.Advance(
                           committer->counters()->commit_seconds.Snapshot()),
                       0.99);
  }
  return {{"",
           {Load(c.streams), rate, base::Quantile(latencies, 0.5),
            base::Quantile(latencies, 0.99), cores,
            static_cast<double>(ResidentBytes(workers)), Load(c.outstanding),
            commit_p99}}};
}

void ProcessorLive::AddVitals(v1::Vitals* vitals) {
  const base::LatencyMeter::Latency latency = latency_.Read();
  // Both are known, or none.
  if (!std::isnan(latency.p50)) {
    *vitals->mutable_latency_p50() = wire::ToProto(absl::Seconds(latency.p50));
    *vitals->mutable_latency_p99() = wire::ToProto(absl::Seconds(latency.p99));
  }
  vitals->set_resident_bytes(ResidentBytes(Workers()));
  const WorkerProcessExecutor* const workers = sources_.server->workers();
  if (workers == nullptr) return;
  vitals->set_workers(static_cast<uint32_t>(workers->counters().slots.size()));
  vitals->set_workers_serving(static_cast<uint32_t>(workers->serving()));
  vitals->set_worker_deaths(CountWorkerDeaths(*workers));
}

void ProcessorLive::WriteFacts(JsonWriter* json) const {
  const ProcessorCounters& c = *sources_.server->context()->counters();
  const v1::Vitals vitals = sources_.vitals->Read();
  json->Text("kind", "processor")
      .Text("server_id", sources_.server->server_id())
      .Text("address", sources_.server->address())
      .Text("version", vitals.version())
      .Number("uptime_seconds",
              absl::ToDoubleSeconds(Clock::Monotonic()->Now() - begun_))
      .Text("why_not_serving", vitals.why_not_serving())
      .Flag("cordoned", c.cordoned.load(std::memory_order_relaxed))
      .Number("cpus", ReadProcessLimits().cpus())
      .Number("descriptors", vitals.descriptors())
      .Number("descriptor_limit", vitals.descriptor_limit());
  WriteMessages(json);
  WriteWorkers(json);
  WriteStore(json);
  WriteBalancers(json);
  WritePrincipals(json);
}

void ProcessorLive::WriteMessages(JsonWriter* json) const {
  const ProcessorCounters& c = *sources_.server->context()->counters();
  json->Number("streams", Load(c.streams))
      .Number("sessions_attached", Load(c.sessions_attached))
      .Number("sessions_detached", Load(c.sessions_detached))
      .Number("messages_ok", Load(c.messages_ok))
      .Number("messages_error", Load(c.messages_error))
      .Number("messages_duplicate", Load(c.messages_duplicate))
      .Number("outstanding", Load(c.outstanding))
      .Number("opened", Load(c.sessions_opened))
      .Number("resumed", Load(c.sessions_resumed))
      .Number("moved", Load(c.sessions_moved))
      .Number("lost", Load(c.sessions_lost))
      .Number("slow_consumers", Load(c.slow_consumers))
      .Number("silent_sessions", Load(c.silent_sessions))
      .Number("memory_used", Load(c.memory_used))
      .Number("memory_budget", Load(c.memory_budget))
      .Number("memory_pauses", Load(c.memory_pauses));
}

void ProcessorLive::WriteWorkers(JsonWriter* json) const {
  WorkerProcessExecutor* const workers = sources_.server->workers();
  if (workers == nullptr) return;
  const WorkerCounters& counters = workers->counters();
  json->BeginObject("workers")
      .Number("slots", uint64_t{counters.slots.size()})
      .Number("serving", static_cast<uint64_t>(workers->serving()))
      .Number("waiting", Load(counters.waiting))
      .Number("retries", Load(counters.retries))
      .Number("given_up", Load(counters.given_up))
      .Number("deaths", CountWorkerDeaths(*workers))
      .BeginArray("list");
  const absl::Time now = Clock::Monotonic()->Now();
  size_t shown = 0;
  for (const WorkerFacts& facts : ListWorkers(workers)) {
    if (shown++ == kMostWorkers) break;
    WriteWorker(facts, now, json);
  }
  json->End().End();
}

void ProcessorLive::WriteStore(JsonWriter* json) const {
  StoreCommitter* const committer = sources_.server->committer();
  if (committer == nullptr) return;
  const StoreCounters& c = *committer->counters();
  const StoreCommitter::Waiting waiting = committer->waiting();
  uint64_t commits = 0;
  for (const uint64_t count : c.commit_seconds.Snapshot().counts) {
    commits += count;
  }
  json->BeginObject("store")
      .Text("generation", committer->generation())
      .Flag("up", committer->Health().ok())
      .Number("commits", commits)
      .Number("waiting_sessions", uint64_t{waiting.sessions})
      .Number("oldest_uncommitted_seconds",
              absl::ToDoubleSeconds(waiting.longest))
      .Number("sessions", Load(c.sessions))
      .Number("bytes", Load(c.bytes))
      .Number("fenced", Load(c.fenced))
      .End();
}

void ProcessorLive::WriteBalancers(JsonWriter* json) const {
  json->BeginArray("balancers");
  for (const auto& [address, registered] : sources_.balancers()) {
    json->BeginObject()
        .Text("address", address)
        .Flag("registered", registered)
        .End();
  }
  json->End();
}

void ProcessorLive::WritePrincipals(JsonWriter* json) const {
  json->BeginArray("principals");
  for (const PrincipalUsage::Line& line :
       sources_.server->context()->usage()->Top()) {
    json->BeginObject()
        .Text("name", line.name)
        .Number("messages", line.sent.messages)
        .Number("bytes", line.sent.bytes)
        .End();
  }
  json->End();
}

}  // namespace msgproc::processor
