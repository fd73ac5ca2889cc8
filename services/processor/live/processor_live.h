#ifndef MSGPROC_SERVICES_PROCESSOR_LIVE_PROCESSOR_LIVE_H_
#define MSGPROC_SERVICES_PROCESSOR_LIVE_PROCESSOR_LIVE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "msgproc/v1/balancer.pb.h"
#include "services/base/live/histogram_window.h"
#include "services/base/live/json_writer.h"
#include "services/base/live/latency_meter.h"
#include "services/base/live/live_feed.h"
#include "services/base/live/metric_history.h"
#include "services/base/vitals_meter.h"
#include "services/processor/server.h"
#include "services/processor/workers/worker_list.h"

namespace msgproc::processor {

// What a processor's live page shows, and what its balancers are told beside
// its load. Numbers are those of /metrics. Thread-safe but for Read, which is
// the feed's thread's.
class ProcessorLive {
 public:
  struct Sources {
    Server* server = nullptr;
    base::VitalsMeter* vitals = nullptr;
    // Balancers that it is to register with, and whether it is.
    std::function<std::vector<std::pair<std::string, bool>>()> balancers;
  };
  // All of it outlives this.
  explicit ProcessorLive(Sources sources);

  // What is sampled once a second.
  static base::LiveFeed::Options FeedOptions();
  base::MetricHistory::Sample Read();

  void WriteFacts(base::JsonWriter* json) const;

  // The part of the vitals that a processor has beside others.
  void AddVitals(v1::Vitals* vitals);

 private:
  // Of all handlers together.
  base::HistogramSnapshot MessageSeconds() const;
  // Nothing where there are none.
  WorkerUsage Workers() const;
  absl::Duration CpuTime(const WorkerUsage& workers) const;
  static uint64_t ResidentBytes(const WorkerUsage& workers);
  void WriteMessages(base::JsonWriter* json) const;
  void WriteWorkers(base::JsonWriter* json) const;
  void WriteStore(base::JsonWriter* json) const;
  void WriteBalancers(base::JsonWriter* json) const;
  void WritePrincipals(base::JsonWriter* json) const;

  const Sources sources_;
  const absl::Time begun_;
  base::LatencyMeter latency_;

  // The feed's thread's.
  absl::Time read_at_;
  uint64_t messages_ = 0;
  absl::Duration cpu_;
  base::HistogramWindow message_seconds_;
  base::HistogramWindow commit_seconds_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_LIVE_PROCESSOR_LIVE_H_
