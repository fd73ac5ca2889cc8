#ifndef MSGPROC_SERVICES_BASE_TRACES_OTLP_EXPORTER_H_
#define MSGPROC_SERVICES_BASE_TRACES_OTLP_EXPORTER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "services/base/client_certificates.h"
#include "services/base/log_throttle.h"
#include "services/base/setting_name.h"
#include "services/base/traces/span.h"
#include "services/base/traces/span_queue.h"
#include "services/base/traces/trace_resource.h"
#include "services/base/wrong_settings.h"

// Declared alone: servers' headers include this one, and gRPC's and protobuf's
// were a sixth of what a test of a processor compiled.
namespace grpc {
class Channel;
class ClientContext;
class Status;
}  // namespace grpc

namespace msgproc::base {

// What becomes of spans. Atomics, read for metrics.
struct SpanCounters {
  using Counter = std::atomic<uint64_t>;
  Counter recorded{0};
  Counter exported{0};
  // No room in the queue; too many messages of one session had open spans; the
  // collector refused them for good; there at the end, and no time left.
  Counter dropped_queue{0};
  Counter dropped_session{0};
  Counter dropped_refused{0};
  Counter dropped_shutdown{0};
  // Batches that a collector has taken, was to be asked again about, and has
  // refused.
  Counter batches_taken{0};
  Counter batches_retried{0};
  Counter batches_refused{0};
  std::atomic<int64_t> queued{0};
};

// Sends spans to a collector by OTLP/gRPC, from a thread of its own: whoever
// records one only puts it into a bounded queue. What SpanQueue decides is
// carried out here. Thread-safe.
class OtlpExporter final : public SpanSink {
 public:
  struct Options {
    // The collector, host:port; empty: there is no exporter.
    std::string endpoint;
    // `name` is set here. Empty authorities: plaintext.
    ClientCertificates::Options certificates;
    TraceResource resource;
    SpanQueue::Options queue;
    // How long a collector may take for a batch.
    absl::Duration timeout = absl::Seconds(10);
    // How long Close may take.
    absl::Duration flush_timeout = absl::Seconds(3);
    // What errors call `otlp_endpoint`, `otlp_ca`, `tls_cert` and `tls_key`.
    SettingName setting_name = AsOption;
  };

  // Bounds of these options, as far as they need no files.
  static void Validate(const Options& options, WrongSettings* wrong);

  // Whether the files can be used.
  static absl::Status Check(const Options& options) {
    return LoadCertificates(options).status();
  }

  // Null without an endpoint. The errors of Validate, and those of the files.
  // Connects in the background.
  static absl::StatusOr<std::unique_ptr<OtlpExporter>> Start(Options options);

  // Close.
  ~OtlpExporter() override;

  // SpanSink:
  void Record(std::vector<Span> spans) override;
  void CountUnmade(uint64_t spans) override;

  // Sends what is there, for `flush_timeout` at most; what is left then is
  // dropped, and what is recorded later. Once more: does nothing.
  void Close();

  const SpanCounters& counters() const { return counters_; }
  // The files of the certificates, to be looked at now and then; null: none.
  std::shared_ptr<ReloadedFiles> files() const {
    return certificates_->files();
  }

 private:
  OtlpExporter(Options options,
               std::shared_ptr<ClientCertificates> certificates);

  static absl::StatusOr<std::shared_ptr<ClientCertificates>> LoadCertificates(
      const Options& options);
  void Run();
  // Sends a batch. `rejected`: spans of it that the collector did not want.
  grpc::Status Export(const std::vector<Span>& spans, uint64_t* rejected)
      MSGPROC_EXCLUDES(mutex_);
  void Settle(const grpc::Status& status, uint64_t spans, uint64_t rejected)
      MSGPROC_REQUIRES(mutex_);
  void Connect();

  const Options options_;
  const std::shared_ptr<ClientCertificates> certificates_;
  SpanCounters counters_;

  // The thread's.
  std::shared_ptr<grpc::Channel> channel_;
  LogThrottle log_;

  Mutex mutex_;
  CondVar changed_;
  SpanQueue queue_ MSGPROC_GUARDED_BY(mutex_);
  // The call under way.
  grpc::ClientContext* call_ MSGPROC_GUARDED_BY(mutex_) = nullptr;
  // Close was called, and when it is to be over.
  bool closing_ MSGPROC_GUARDED_BY(mutex_) = false;
  absl::Time close_by_ MSGPROC_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  std::thread thread_;
};

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_TRACES_OTLP_EXPORTER_H_
