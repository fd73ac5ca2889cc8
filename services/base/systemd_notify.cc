#include "services/base/systemd_notify.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "services/base/unique_fd.h"

namespace msgproc::base {
namespace {

// A systemd that does not read must not keep a server from draining.
constexpr timeval kPatience = {.tv_sec = 1, .tv_usec = 0};

// As sd_notify does it, which would wait for ever.
void Notify(const std::string& state) {
  const char* const variable = std::getenv("NOTIFY_SOCKET");
  const absl::string_view path = variable == nullptr ? "" : variable;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() < 2 || path.size() >= sizeof(address.sun_path)) return;
  if (path[0] != '/' && path[0] != '@') return;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';  // An abstract name.
  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof(kPatience));
  const auto length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
         reinterpret_cast<const sockaddr*>(&address), length);
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
    const absl::Time next = Clock::Monotonic()->Now() + interval;
    while (!stop_ && Clock::Monotonic()->Now() < next) {
      stopped_.WaitFor(&mutex_, next - Clock::Monotonic()->Now());
    }
  }
}

}  // namespace msgproc::base
