#include "services/processor/workers/worker_metrics.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "services/base/metric_writer.h"

namespace msgproc::processor {
namespace {

double Load(const std::atomic<uint64_t>& value) {
  return static_cast<double>(value.load(std::memory_order_relaxed));
}

// A sample a worker.
template <typename Value>
void AddSlots(const WorkerCounters& counters,
              base::MetricWriter::Samples samples, Value value) {
  for (size_t i = 0; i < counters.slots.size(); ++i) {
    samples.Add({{"worker", std::to_string(i)}}, value(counters.slots[i]));
  }
}

void WriteSlots(const WorkerCounters& counters, base::MetricWriter* writer) {
  AddSlots(counters,
           writer->Counter("msgproc_processor_worker_messages_total",
                           "Messages that a worker has answered."),
           [](const auto& slot) { return Load(slot.messages); });
  AddSlots(counters,
           writer->Counter("msgproc_processor_worker_busy_seconds_total",
                           "What a worker's handlers took."),
           [](const auto& slot) { return Load(slot.busy_nanoseconds) / 1e9; });
  AddSlots(counters,
           writer->Gauge("msgproc_processor_worker_held_messages",
                         "Messages that a worker has and has not answered."),
           [](const auto& slot) { return Load(slot.held); });
}

}  // namespace

std::vector<prometheus::MetricFamily> WorkerMetrics::Collect() const {
  if (workers_ == nullptr) return {};
  const WorkerCounters& counters = workers_->counters();
  base::MetricWriter writer;
  writer.Gauge("msgproc_processor_workers", "Workers that serve.")
      .Add({}, workers_->serving());
  {
    auto restarts =
        writer.Counter("msgproc_processor_worker_restarts_total",
                       "Workers whose place was given to another, and why.");
    for (int i = 0; i < static_cast<int>(Departure::kCount); ++i) {
      const auto reason = static_cast<Departure>(i);
      restarts.Add({{"reason", DepartureName(reason)}},
                   static_cast<double>(workers_->departures(reason)));
    }
  }
  WriteSlots(counters, &writer);
  writer
      .Gauge("msgproc_processor_worker_waiting_messages",
             "Messages that wait for a worker.")
      .Add({}, Load(counters.waiting));
  writer
      .Counter("msgproc_processor_worker_retries_total",
               "Messages given to another worker because theirs died.")
      .Add({}, Load(counters.retries));
  writer
      .Counter("msgproc_processor_worker_given_up_total",
               "Messages answered with an Error because they killed every "
               "worker they were given to.")
      .Add({}, Load(counters.given_up));
  return writer.Take();
}

}  // namespace msgproc::processor
