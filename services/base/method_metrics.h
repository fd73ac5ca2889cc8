#ifndef MSGPROC_SERVICES_BASE_METHOD_METRICS_H_
#define MSGPROC_SERVICES_BASE_METHOD_METRICS_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/mutex.h"
#include "services/base/sharded_counter.h"

namespace msgproc::base {

// The codes of grpc::StatusCode, 0 (OK) to 16 (UNAUTHENTICATED).
inline constexpr size_t kStatusCodes = 17;

// What one RPC method has done. Thread-safe, and cheap enough to be called per
// message: relaxed additions, sharded where streams would contend.
class MethodMetrics {
 public:
  // `type` as go-grpc-prometheus names it: "unary", "client_stream",
  // "server_stream", "bidi_stream". `service` with its package.
  MethodMetrics(absl::string_view type, absl::string_view service,
                absl::string_view method)
      : type_(type), service_(service), method_(method) {}

  void Started() { started_.fetch_add(1, std::memory_order_relaxed); }
  // With the grpc::StatusCode that it ended with; anything else is UNKNOWN.
  void Handled(int code);
  void MessageReceived(uint64_t count = 1) { received_.Add(count); }
  void MessageSent(uint64_t count = 1) { sent_.Add(count); }

 private:
  friend class MethodMetricsPage;

  const std::string type_;
  const std::string service_;
  const std::string method_;
  std::atomic<uint64_t> started_{0};
  std::array<std::atomic<uint64_t>, kStatusCodes> handled_{};
  ShardedCounter received_;
  ShardedCounter sent_;
};

// All methods of a server as grpc_server_started_total, _handled_total,
// _msg_received_total and _msg_sent_total, the names and labels of
// https://github.com/grpc-ecosystem/go-grpc-prometheus, for which dashboards
// and alerts exist. Thread-safe.
class MethodMetricsPage final : public prometheus::Collectable {
 public:
  // The method's metrics, which live as long as this does.
  MethodMetrics* Add(absl::string_view type, absl::string_view service,
                     absl::string_view method);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  std::vector<const MethodMetrics*> Methods() const;

  mutable Mutex mutex_;
  std::vector<std::unique_ptr<MethodMetrics>> methods_
      MSGPROC_GUARDED_BY(mutex_);
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_METHOD_METRICS_H_
