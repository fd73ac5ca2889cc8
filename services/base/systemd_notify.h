#ifndef MSGPROC_SERVICES_BASE_SYSTEMD_NOTIFY_H_
#define MSGPROC_SERVICES_BASE_SYSTEMD_NOTIFY_H_

#include <functional>
#include <thread>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/mutex.h"

namespace msgproc::base {

// What a service of Type=notify tells systemd, https://www.freedesktop.org/
// software/systemd/man/sd_notify.html. All of it does nothing where nobody
// listens (no NOTIFY_SOCKET). Any thread.
void NotifyReady(absl::string_view status);
void NotifyReloading();
void NotifyStopping();

// Pings systemd's watchdog (WatchdogSec=) at half its interval for as long as
// `alive` says so; otherwise systemd restarts the service. Does nothing where
// there is no watchdog.
class SystemdWatchdog {
 public:
  // `alive` is called on a thread of the watchdog's own.
  explicit SystemdWatchdog(std::function<bool()> alive);
  // No ping and no call of `alive` any more when it returns.
  ~SystemdWatchdog();

  SystemdWatchdog(const SystemdWatchdog&) = delete;
  SystemdWatchdog& operator=(const SystemdWatchdog&) = delete;

 private:
  void Run(absl::Duration interval);

  const std::function<bool()> alive_;
  Mutex mutex_;
  CondVar stopped_;
  bool stop_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_SYSTEMD_NOTIFY_H_
