#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_PROCESSOR_CONTEXT_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_PROCESSOR_CONTEXT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "services/base/identity/principal.h"
#include "services/base/method_metrics.h"
#include "services/processor/executors/batch.h"
#include "services/processor/session/principal_usage.h"
#include "services/processor/session/processor_counters.h"
#include "services/processor/session/session_table.h"
#include "services/processor/stream/access_control.h"
#include "services/processor/stream/refusal_log.h"
#include "services/processor/stream/stream_peer.h"
#include "services/processor/stream/stream_state.h"
#include "wire/frame.h"

namespace msgproc::processor {

// What every stream of a processor needs: who the server is, its handlers, its
// sessions, its counters. Outlives the streams. Thread-safe once the server has
// started.
class ProcessorContext {
 public:
  struct Options {
    std::string server_id;
    std::string default_handler;
    absl::Duration heartbeat_interval = absl::Seconds(20);
    // How long a client has to leave after Drain.
    absl::Duration drain_grace = absl::Seconds(25);
    // How old a session's stream becomes, more or less, before the client is
    // told to open another; zero: any age. See StreamAges.
    absl::Duration max_stream_age;
    uint64_t stream_age_seed = 0;
    SessionTable::Options sessions;
    AccessControl::Options access;
    // From gRPC's name of a peer to the client's real one (PROXY protocol).
    std::function<std::string(const std::string&)> real_peer;
    // Outlives the context.
    const Clock* clock = Clock::Monotonic();
  };

  explicit ProcessorContext(Options options);

  // Offers a handler; before the server starts.
  void Bind(std::unique_ptr<HandlerBinding> binding);

  // Empty: the default. NOT_FOUND names what there is.
  absl::StatusOr<HandlerBinding*> FindHandler(absl::string_view name) const;

  // In the order in which they were bound.
  const std::vector<std::unique_ptr<HandlerBinding>>& handlers() const {
    return bindings_;
  }

  const Options& options() const { return options_; }
  SessionTable* sessions() { return &sessions_; }
  // Null: sessions live in memory.
  SessionCommitter* committer() const { return options_.sessions.committer; }
  ProcessorCounters* counters() { return &counters_; }
  PrincipalUsage* usage() { return &usage_; }
  // Counts and logs what a client is refused.
  void Refuse(const absl::Status& status, const base::Principal& principal,
              const StreamPeer& peer);
  // Counts what a stream is given up for.
  void CountGivenUp(StreamState::Verdict verdict);
  const AccessControl& access() const { return access_; }
  // How long a client may be silent, or not read.
  absl::Duration patience() const {
    return options_.heartbeat_interval * wire::kSilentIntervals;
  }
  const Clock* clock() const { return options_.clock; }
  // The method Process, in grpc_server_* metrics.
  base::MethodMetrics* method() { return method_; }
  const base::MethodMetricsPage& methods() const { return methods_; }

 private:
  const Options options_;
  ProcessorCounters counters_;
  PrincipalUsage usage_;
  RefusalLog refusals_;
  const AccessControl access_;
  SessionTable sessions_;
  base::MethodMetricsPage methods_;
  base::MethodMetrics* const method_;
  std::vector<std::unique_ptr<HandlerBinding>> bindings_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_PROCESSOR_CONTEXT_H_
