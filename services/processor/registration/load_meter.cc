#include "services/processor/registration/load_meter.h"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "common/check.h"
#include "common/clock.h"
#include "common/process_limits.h"

namespace msgproc::processor {
namespace {

constexpr absl::Duration kWindow = absl::Seconds(1);

// Of this process and of workers that have ended.
absl::Duration OwnCpuTime() {
  absl::Duration total;
  for (const auto who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    getrusage(who, &usage);
    total += absl::DurationFromTimeval(usage.ru_utime) +
             absl::DurationFromTimeval(usage.ru_stime);
  }
  return total;
}

uint64_t Messages(const ProcessorCounters& counters) {
  return counters.messages_ok.load(std::memory_order_relaxed) +
         counters.messages_error.load(std::memory_order_relaxed);
}

}  // namespace

LoadMeter::LoadMeter(const ProcessorCounters* counters, ReadCpu workers_cpu)
    : counters_(counters),
      workers_cpu_(std::move(workers_cpu)),
      measured_at_(Clock::Monotonic()->Now()),
      messages_(Messages(*counters)),
      cpu_(CpuTime()) {}

absl::Duration LoadMeter::CpuTime() const {
  return OwnCpuTime() +
         (workers_cpu_ == nullptr ? absl::ZeroDuration() : workers_cpu_());
}

BalancerLink::Load LoadMeter::Read() {
  MutexLock lock(&mutex_);
  const absl::Time now = Clock::Monotonic()->Now();
  const absl::Duration passed = now - measured_at_;
  if (passed >= kWindow) {
    const double seconds = absl::ToDoubleSeconds(passed);
    const uint64_t messages = Messages(*counters_);
    MSGPROC_CHECK_GE(messages, messages_);
    const absl::Duration cpu = CpuTime();
    const double cores = ReadProcessLimits().cpus();
    load_.messages_per_second =
        static_cast<double>(messages - messages_) / seconds;
    load_.utilization = std::clamp(
        absl::ToDoubleSeconds(cpu - cpu_) / seconds / cores, 0.0, 1.0);
    measured_at_ = now;
    messages_ = messages;
    cpu_ = cpu;
  }
  load_.cordoned = counters_->cordoned.load(std::memory_order_relaxed);
  load_.sessions = static_cast<uint64_t>(
      std::max<int64_t>(0, counters_->streams.load(std::memory_order_relaxed)));
  return load_;
}

}  // namespace msgproc::processor
