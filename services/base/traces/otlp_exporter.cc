#include "services/base/traces/otlp_exporter.h"

#include <pthread.h>

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "common/channel_arguments.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/grpc_deadline.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/support/status.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.grpc.pb.h"
#include "services/base/log.h"
#include "services/base/traces/otlp_request.h"

namespace msgproc::base {
namespace {

// A collector that is down says so once in a while.
constexpr absl::Duration kSayEvery = absl::Minutes(1);

// As OTLP has it ("Failures", OTLP/gRPC). RESOURCE_EXHAUSTED is one of them
// only where the collector says when to come again.
bool MayRetry(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::OUT_OF_RANGE:
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DATA_LOSS:
      return true;
    default:
      return false;
  }
}

void Add(SpanCounters::Counter* counter, uint64_t n) {
  counter->fetch_add(n, std::memory_order_relaxed);
}

bool IsHostAndPort(absl::string_view text) {
  const size_t colon = text.rfind(':');
  return colon != absl::string_view::npos && colon > 0 &&
         colon + 1 < text.size() && !absl::StrContains(text, "://");
}

}  // namespace

void OtlpExporter::Validate(const Options& options, WrongSettings* wrong) {
  if (!options.endpoint.empty() && !IsHostAndPort(options.endpoint)) {
    wrong->Add("{otlp_endpoint} takes host:port, as in 127.0.0.1:4317.");
  }
  if (options.endpoint.empty() && !options.certificates.ca.empty()) {
    wrong->Add("{otlp_ca} is for the collector that {otlp_endpoint} names.");
  }
}

absl::StatusOr<std::unique_ptr<OtlpExporter>> OtlpExporter::Start(
    Options options) {
  WrongSettings wrong;
  Validate(options, &wrong);
  if (!wrong.empty()) return wrong.AsStatus(options.setting_name);
  if (options.endpoint.empty()) return nullptr;
  auto certificates = LoadCertificates(options);
  if (!certificates.ok()) return certificates.status();
  std::unique_ptr<OtlpExporter> exporter(
      new OtlpExporter(std::move(options), *std::move(certificates)));
  exporter->thread_ = std::thread([e = exporter.get()] { e->Run(); });
  return exporter;
}

absl::StatusOr<std::shared_ptr<ClientCertificates>>
OtlpExporter::LoadCertificates(const Options& options) {
  ClientCertificates::Options files = options.certificates;
  files.name = "otlp";
  auto certificates = ClientCertificates::Load(files);
  if (certificates.ok()) return certificates;
  const SettingName& name = options.setting_name;
  return NamingSettings(absl::StrCat(name("otlp_ca"), ", ", name("tls_cert"),
                                     ", ", name("tls_key")),
                        certificates.status());
}

OtlpExporter::OtlpExporter(Options options,
                           std::shared_ptr<ClientCertificates> certificates)
    : options_(std::move(options)),
      certificates_(std::move(certificates)),
      log_(kSayEvery),
      queue_(options_.queue) {}

OtlpExporter::~OtlpExporter() { Close(); }

void OtlpExporter::Record(std::vector<Span> spans) {
  const size_t all = spans.size();
  MutexLock lock(&mutex_);
  Add(&counters_.recorded, all);
  if (closing_) {
    Add(&counters_.dropped_shutdown, all);
    return;
  }
  const absl::Time due = queue_.NextDue();
  Add(&counters_.dropped_queue,
      queue_.Add(std::move(spans), Clock::Monotonic()->Now()));
  counters_.queued.store(static_cast<int64_t>(queue_.size()),
                         std::memory_order_relaxed);
  if (queue_.NextDue() != due) changed_.Signal();
}

void OtlpExporter::CountUnmade(uint64_t spans) {
  Add(&counters_.recorded, spans);
  Add(&counters_.dropped_session, spans);
}

void OtlpExporter::Close() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(&mutex_);
    closing_ = true;
    close_by_ = Clock::Monotonic()->Now() + options_.flush_timeout;
    queue_.Close();
    // One that the collector has been slow over may have its share only.
    while (!queue_.empty()) {
      const absl::Duration left = close_by_ - Clock::Monotonic()->Now();
      if (left <= absl::ZeroDuration()) break;
      changed_.SignalAll();
      changed_.WaitFor(&mutex_, left);
    }
    close_by_ = absl::InfinitePast();
    if (call_ != nullptr) call_->TryCancel();
  }
  changed_.SignalAll();
  thread_.join();
  MutexLock lock(&mutex_);
  Add(&counters_.dropped_shutdown, queue_.size());
}

void OtlpExporter::Run() {
  pthread_setname_np(pthread_self(), "msgproc-otlp");
  Connect();
  MutexLock lock(&mutex_);
  while (!closing_ ||
         (!queue_.empty() && Clock::Monotonic()->Now() < close_by_)) {
    const absl::Time now = Clock::Monotonic()->Now();
    // Stays where it is while the lock is let go of.
    const std::vector<Span>& batch = queue_.Next(now);
    if (batch.empty()) {
      changed_.WaitFor(&mutex_, std::min(queue_.NextDue(), close_by_) - now);
      continue;
    }
    lock.Unlock();
    uint64_t rejected = 0;
    const uint64_t spans = batch.size();
    const grpc::Status status = Export(batch, &rejected);
    // With the certificates that there are by then.
    if (!status.ok() && MayRetry(status.error_code())) Connect();
    lock.Relock();
    Settle(status, spans, rejected);
    changed_.SignalAll();
  }
}

grpc::Status OtlpExporter::Export(const std::vector<Span>& spans,
                                  uint64_t* rejected) {
  const otlp::ExportTraceServiceRequest request = EncodeSpans(
      spans, options_.resource, absl::Now() - Clock::Monotonic()->Now());
  otlp::ExportTraceServiceResponse response;
  grpc::ClientContext context;
  context.set_deadline(DeadlineAfter(options_.timeout));
  {
    MutexLock lock(&mutex_);
    if (closing_ && Clock::Monotonic()->Now() >= close_by_) {
      return grpc::Status::CANCELLED;
    }
    call_ = &context;
  }
  grpc::Status status = otlp::TraceService::NewStub(channel_)->Export(
      &context, request, &response);
  {
    MutexLock lock(&mutex_);
    call_ = nullptr;
  }
  *rejected = std::min<uint64_t>(
      spans.size(), static_cast<uint64_t>(std::max<int64_t>(
                        0, response.partial_success().rejected_spans())));
  return status;
}

void OtlpExporter::Settle(const grpc::Status& status, uint64_t spans,
                          uint64_t rejected) {
  const bool retry = !status.ok() && MayRetry(status.error_code());
  if (status.ok()) {
    Add(&counters_.batches_taken, 1);
    Add(&counters_.exported, spans - rejected);
    Add(&counters_.dropped_refused, rejected);
    queue_.OnDone();
  } else if (retry) {
    Add(&counters_.batches_retried, 1);
    absl::BitGen random;
    queue_.OnUnavailable(Clock::Monotonic()->Now(),
                         absl::Uniform<double>(random, 0, 1));
  } else {
    Add(&counters_.batches_refused, 1);
    Add(&counters_.dropped_refused, spans);
    queue_.OnDone();
  }
  counters_.queued.store(static_cast<int64_t>(queue_.size()),
                         std::memory_order_relaxed);
  if (status.ok() && rejected == 0) return;
  if (const auto suppressed = log_.Admit(); suppressed.has_value()) {
    LogWarning(retry ? "the collector takes no spans for now"
                     : "the collector refuses spans",
               {{"endpoint", options_.endpoint},
                {"code", static_cast<int>(status.error_code())},
                {"why", status.error_message()},
                {"spans", status.ok() ? rejected : spans},
                {"suppressed", *suppressed}});
  }
}

void OtlpExporter::Connect() {
  channel_ = grpc::CreateCustomChannel(
      options_.endpoint, certificates_->Credentials(), OwnChannelArguments());
}

}  // namespace msgproc::base
