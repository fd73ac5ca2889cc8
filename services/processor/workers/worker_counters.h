#ifndef MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_COUNTERS_H_
#define MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_COUNTERS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace msgproc::processor {

// What is counted of workers, touched once a batch. Thread-safe.
struct WorkerCounters {
  explicit WorkerCounters(int workers) : slots(static_cast<size_t>(workers)) {}

  // A worker and its successors.
  struct Slot {
    std::atomic<uint64_t> messages{0};
    std::atomic<uint64_t> busy_nanoseconds{0};
    // Messages that the worker has and has not answered.
    std::atomic<uint64_t> held{0};
  };
  std::vector<Slot> slots;

  // Messages that no worker has.
  std::atomic<uint64_t> waiting{0};
  // Messages that were given to another worker, and those given up.
  std::atomic<uint64_t> retries{0};
  std::atomic<uint64_t> given_up{0};
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_WORKERS_WORKER_COUNTERS_H_
