#ifndef MSGPROC_SERVICES_PROCESSOR_REGISTRATION_LOAD_METER_H_
#define MSGPROC_SERVICES_PROCESSOR_REGISTRATION_LOAD_METER_H_

#include <cstdint>
#include <functional>

#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/processor/registration/balancer_link.h"
#include "services/processor/session/processor_counters.h"

namespace msgproc::processor {

// What a processor tells its balancers of its load: rates over the last second
// or so, however often and from however many links it is asked. Thread-safe.
class LoadMeter {
 public:
  // CPU time of workers that live. What they took counts as this process's own
  // once they have ended.
  using ReadCpu = std::function<absl::Duration()>;

  // `counters` outlives it. `workers_cpu` may be null.
  explicit LoadMeter(const ProcessorCounters* counters,
                     ReadCpu workers_cpu = nullptr);

  BalancerLink::Load Read();

 private:
  absl::Duration CpuTime() const;

  const ProcessorCounters* const counters_;
  const ReadCpu workers_cpu_;

  Mutex mutex_;
  absl::Time measured_at_ MSGPROC_GUARDED_BY(mutex_);
  uint64_t messages_ MSGPROC_GUARDED_BY(mutex_) = 0;
  absl::Duration cpu_ MSGPROC_GUARDED_BY(mutex_);
  BalancerLink::Load load_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_REGISTRATION_LOAD_METER_H_
