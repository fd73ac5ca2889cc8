#include "services/base/systemd_notify.h"

#include <systemd/sd-daemon.h>

#include <cstdint>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace msgproc::server {
namespace {

void Notify(const std::string& state) {
  // The environment stays: the watchdog and later states need it.
  sd_notify(/*unset_environment=*/0, state.c_str());
}

}  // namespace

void NotifyReady(absl::string_view status) {
  Notify(absl::StrCat("READY=1\nSTATUS=", status));
}

void NotifyReloading() {
  // Type=notify-reload compares it with when it asked.
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  Notify(
      absl::StrCat("RELOADING=1\nMONOTONIC_USEC=",
                   absl::ToInt64Microseconds(absl::DurationFromTimespec(now))));
}

void NotifyStopping() { Notify("STOPPING=1\nSTATUS=draining"); }

SystemdWatchdog::SystemdWatchdog(std::function<bool()> alive)
    : alive_(std::move(alive)) {
  uint64_t interval_us = 0;
  if (sd_watchdog_enabled(/*unset_environment=*/0, &interval_us) <= 0) return;
  thread_ = std::thread([this, interval_us] {
    Run(absl::Microseconds(static_cast<int64_t>(interval_us)) / 2);
  });
}

SystemdWatchdog::~SystemdWatchdog() {
  {
    MutexLock lock(&mutex_);
    stop_ = true;
    stopped_.SignalAll();
  }
  if (thread_.joinable()) thread_.join();
}

void SystemdWatchdog::Run(absl::Duration interval) {
  MutexLock lock(&mutex_);
  while (!stop_) {
    lock.Unlock();
    if (alive_()) Notify("WATCHDOG=1");
    lock.Relock();
    const absl::Time next = absl::Now() + interval;
    while (!stop_ && absl::Now() < next) {
      stopped_.WaitFor(&mutex_, next - absl::Now());
    }
  }
}

}  // namespace msgproc::server
