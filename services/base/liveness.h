#ifndef MSGPROC_SERVICES_BASE_LIVENESS_H_
#define MSGPROC_SERVICES_BASE_LIVENESS_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/base/http_server.h"
#include "services/base/stall_watch.h"

namespace msgproc::base {

// Whether what serves still moves: what /readyz, /healthz and systemd's
// watchdog say. It looks at gRPC's callback threads, by a mark that it sends
// through their queue, and at the pulses of others. Handlers that may block
// have threads or processes of their own and may take their time: nothing is
// concluded from them.
//
// One a process. Thread-safe.
class Liveness final : public prometheus::Collectable {
 public:
  struct Options {
    // A thread that has not moved for so long: the server takes no new work,
    // and then, is to be restarted.
    absl::Duration unready = absl::Seconds(5);
    absl::Duration unhealthy = absl::Seconds(30);
  };

  explicit Liveness(const Options& options);
  ~Liveness() override;

  // For a thread that goes round at least once a second; "session_ticker".
  StallWatch::Pulse* Watch(std::string name) {
    return watch_.Watch(std::move(name));
  }

  // From now on gRPC's callback threads are looked at, too. Once, when the
  // server serves.
  void WatchCallbacks();

  // Empty: all is well. Otherwise why it should get no new work, and why it is
  // to be restarted.
  std::string WhyNotReady() const { return WhyNot(options_.unready); }
  std::string WhyNotHealthy() const { return WhyNot(options_.unhealthy); }

  // msgproc_stall_seconds by thread.
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  class CallbackMark;

  std::string WhyNot(absl::Duration most) const;
  void Run();

  const Options options_;
  StallWatch watch_;
  Mutex mutex_;
  CondVar changed_;
  bool stopping_ MSGPROC_GUARDED_BY(mutex_) = false;
  std::unique_ptr<CallbackMark> mark_;
  std::thread thread_;
};

// The pages /healthz and /readyz. `liveness` outlives them and may be null;
// `why_not_ready` says what else is against new work, empty for nothing.
HttpHandlers HealthPages(const Liveness* liveness,
                         std::function<std::string()> why_not_ready);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_LIVENESS_H_
