#include "services/base/method_metrics.h"

#include "common/check.h"
#include "services/base/metric_writer.h"

namespace msgproc::base {
namespace {

constexpr size_t kUnknown = 2;

// As Go's codes.Code prints them, which is what the dashboards match.
constexpr absl::string_view kCodeNames[kStatusCodes] = {
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
};

}  // namespace

void MethodMetrics::Handled(int code) {
  const size_t index = code >= 0 && code < static_cast<int>(kStatusCodes)
                           ? static_cast<size_t>(code)
                           : kUnknown;
  MSGPROC_DCHECK(index < kStatusCodes);
  handled_[index].fetch_add(1, std::memory_order_relaxed);
}

MethodMetrics* MethodMetricsPage::Add(absl::string_view type,
                                      absl::string_view service,
                                      absl::string_view method) {
  MSGPROC_CHECK(!type.empty());
  MSGPROC_CHECK(!service.empty());
  MSGPROC_CHECK(!method.empty());
  MutexLock lock(&mutex_);
  methods_.push_back(std::make_unique<MethodMetrics>(type, service, method));
  return methods_.back().get();
}

std::vector<const MethodMetrics*> MethodMetricsPage::Methods() const {
  std::vector<const MethodMetrics*> methods;
  const MutexLock lock(&mutex_);
  methods.reserve(methods_.size());
  for (const auto& method : methods_) methods.push_back(method.get());
  return methods;
}

std::vector<prometheus::MetricFamily> MethodMetricsPage::Collect() const {
  const std::vector<const MethodMetrics*> methods = Methods();
  MetricWriter writer;
  const auto write = [&](absl::string_view name, absl::string_view help,
                         auto value) {
    MetricWriter::Samples samples = writer.Counter(name, help);
    for (const MethodMetrics* method : methods) {
      samples.Add({{"grpc_type", method->type_},
                   {"grpc_service", method->service_},
                   {"grpc_method", method->method_}},
                  static_cast<double>(value(*method)));
    }
  };
  write("grpc_server_started_total", "RPCs started on the server.",
        [](const MethodMetrics& m) {
          return m.started_.load(std::memory_order_relaxed);
        });
  write("grpc_server_msg_received_total",
        "Stream messages received on the server.",
        [](const MethodMetrics& m) { return m.received_.Value(); });
  write("grpc_server_msg_sent_total", "Stream messages sent by the server.",
        [](const MethodMetrics& m) { return m.sent_.Value(); });
  MetricWriter::Samples handled = writer.Counter(
      "grpc_server_handled_total",
      "RPCs completed on the server, whether or not they succeeded.");
  for (const MethodMetrics* method : methods) {
    for (size_t code = 0; code < kStatusCodes; ++code) {
      handled.Add({{"grpc_type", method->type_},
                   {"grpc_service", method->service_},
                   {"grpc_method", method->method_},
                   {"grpc_code", kCodeNames[code]}},
                  static_cast<double>(
                      method->handled_[code].load(std::memory_order_relaxed)));
    }
  }
  return writer.Take();
}

}  // namespace msgproc::base
