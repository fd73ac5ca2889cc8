#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_HOST_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_HOST_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/mutex.h"
#include "msgproc/v1/processor.pb.h"
#include "services/base/method_metrics.h"
#include "services/processor/batch.h"
#include "services/processor/processor_counters.h"
#include "services/processor/session_table.h"

namespace msgproc::processor {

class ProcessReactor;

// What every stream of a processor shares: who the server is, its handlers, its
// sessions, its counters, and the set of open streams. Thread-safe. Outlives
// the streams.
class StreamHost {
 public:
  struct Options {
    std::string server_id;
    std::string default_handler;
    absl::Duration heartbeat_interval = absl::Seconds(20);
    // How long a client has to leave after Drain.
    absl::Duration drain_grace = absl::Seconds(25);
    SessionTable::Options sessions;
    // From gRPC's name of a peer to the client's real one (PROXY protocol).
    std::function<std::string(const std::string&)> real_peer;
    // Outlives the host.
    const Clock* clock = Clock::Monotonic();
  };

  explicit StreamHost(Options options);

  // Offers a handler; before the server starts.
  void Bind(std::unique_ptr<HandlerBinding> binding);

  // Empty: the default. NOT_FOUND names what there is.
  absl::StatusOr<HandlerBinding*> FindHandler(absl::string_view name) const;

  const Options& options() const { return options_; }
  SessionTable* sessions() { return &sessions_; }
  ProcessorCounters* counters() { return &counters_; }
  const Clock* clock() const { return options_.clock; }
  // The method Process, in grpc_server_* metrics.
  server::MethodMetrics* method() { return method_; }
  const server::MethodMetricsPage& methods() const { return methods_; }

  // After this a stream that begins is told to leave at once.
  void Add(const std::shared_ptr<ProcessReactor>& stream);
  void Remove(const std::shared_ptr<ProcessReactor>& stream);

  // Tells every stream, also those to come, to leave.
  void DrainAll(absl::Duration grace);
  // Tells up to `sessions` streams with resumable sessions to go to `address`;
  // answers how many.
  size_t Move(size_t sessions, const std::string& address);
  // Ends what is left.
  void EndAll(absl::string_view why);
  size_t stream_count();
  // Waits until there are no streams, at most `timeout`; may return early.
  void WaitForStreams(absl::Duration timeout);

  // To be called about once a second (see TickInterval).
  void Tick();
  absl::Duration TickInterval() const;

 private:
  std::vector<std::shared_ptr<ProcessReactor>> Streams();
  void LookAgain(const std::shared_ptr<ProcessReactor>& stream,
                 absl::Time when);

  const Options options_;
  ProcessorCounters counters_;
  SessionTable sessions_;
  server::MethodMetricsPage methods_;
  server::MethodMetrics* const method_;
  std::vector<std::unique_ptr<HandlerBinding>> bindings_;

  Mutex mutex_;
  CondVar emptied_;
  // By when Tick is to look at them again: ten thousand that are idle are not
  // all looked at every second.
  std::set<std::pair<absl::Time, std::shared_ptr<ProcessReactor>>> streams_
      MSGPROC_GUARDED_BY(mutex_);
  bool draining_ MSGPROC_GUARDED_BY(mutex_) = false;
  absl::Duration drain_grace_ MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_HOST_H_
