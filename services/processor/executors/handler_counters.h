#ifndef MSGPROC_SERVICES_PROCESSOR_EXECUTORS_HANDLER_COUNTERS_H_
#define MSGPROC_SERVICES_PROCESSOR_EXECUTORS_HANDLER_COUNTERS_H_

#include <atomic>
#include <cstdint>

#include "services/base/atomic_histogram.h"

namespace msgproc::processor {

// What is counted of one handler: touched once a batch and not once a message.
// There are as many as handlers are registered, which bounds the metrics'
// labels. Thread-safe.
struct HandlerCounters {
  std::atomic<uint64_t> ok{0};
  std::atomic<uint64_t> failed{0};
  // From a message's acceptance to its result being ready: 2 µs to 67 s.
  base::AtomicHistogram message_seconds{
      base::AtomicHistogram::Exponential(2e-6, 2, 26)};
  // The handler's share of that: 0.1 µs to 107 s.
  base::AtomicHistogram handler_seconds{
      base::AtomicHistogram::Exponential(1e-7, 4, 16)};
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_EXECUTORS_HANDLER_COUNTERS_H_
