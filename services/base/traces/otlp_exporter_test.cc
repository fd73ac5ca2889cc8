#include "services/base/traces/otlp_exporter.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/mutex.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "gtest/gtest.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.grpc.pb.h"
#include "services/base/testing/eventually.h"
#include "services/base/traces/otlp_request.h"
#include "services/base/traces/span.h"

namespace msgproc::base {
namespace {

// A collector that answers as it is told.
class Collector final : public otlp::TraceService::Service {
 public:
  grpc::Status Export(grpc::ServerContext* context,
                      const otlp::ExportTraceServiceRequest* request,
                      otlp::ExportTraceServiceResponse* response) override {
    MutexLock lock(&mutex_);
    ++calls_;
    changed_.SignalAll();
    while (held_ && !context->IsCancelled()) {
      changed_.WaitFor(&mutex_, absl::Milliseconds(10));
    }
    if (!answer_.ok()) return std::exchange(answer_, grpc::Status::OK);
    for (const otlp::Span& span :
         request->resource_spans(0).scope_spans(0).spans()) {
      names_.push_back(span.name());
    }
    if (rejects_ > 0) {
      response->mutable_partial_success()->set_rejected_spans(rejects_);
    }
    return grpc::Status::OK;
  }

  void AnswerOnce(grpc::Status answer) {
    MutexLock lock(&mutex_);
    answer_ = std::move(answer);
  }
  void Reject(int64_t spans) {
    MutexLock lock(&mutex_);
    rejects_ = spans;
  }
  void Hold(bool held) {
    MutexLock lock(&mutex_);
    held_ = held;
    changed_.SignalAll();
  }
  int calls() {
    MutexLock lock(&mutex_);
    return calls_;
  }
  std::vector<std::string> names() {
    MutexLock lock(&mutex_);
    return names_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int calls_ MSGPROC_GUARDED_BY(mutex_) = 0;
  bool held_ MSGPROC_GUARDED_BY(mutex_) = false;
  int64_t rejects_ MSGPROC_GUARDED_BY(mutex_) = 0;
  grpc::Status answer_ MSGPROC_GUARDED_BY(mutex_);
  std::vector<std::string> names_ MSGPROC_GUARDED_BY(mutex_);
};

class OtlpExporterTest : public testing::Test {
 protected:
  OtlpExporterTest() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(&collector_);
    server_ = builder.BuildAndStart();
    options_.endpoint = absl::StrCat("127.0.0.1:", port);
    options_.queue = {.max_spans = 8,
                      .batch_spans = 4,
                      .batch_delay = absl::Milliseconds(5),
                      .initial_backoff = absl::Milliseconds(5),
                      .max_backoff = absl::Milliseconds(20)};
  }
  ~OtlpExporterTest() override {
    exporter_.reset();
    collector_.Hold(false);
    server_->Shutdown();
  }

  void Start() {
    auto started = OtlpExporter::Start(options_);
    ASSERT_TRUE(started.ok()) << started.status();
    exporter_ = *std::move(started);
  }
  void Record(const std::vector<std::string>& names) {
    std::vector<Span> spans;
    for (const std::string& name : names) spans.emplace_back().name = name;
    exporter_->Record(std::move(spans));
  }
  const SpanCounters& counters() const { return exporter_->counters(); }

  Collector collector_;
  OtlpExporter::Options options_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<OtlpExporter> exporter_;
};

using Names = std::vector<std::string>;

TEST_F(OtlpExporterTest, SpansReachTheCollectorInOrder) {
  Start();
  Record({"a", "b"});
  Record({"c"});
  EXPECT_TRUE(Eventually([&] { return counters().exported == 3; }));
  EXPECT_EQ(collector_.names(), (Names{"a", "b", "c"}));
  EXPECT_EQ(counters().recorded, 3u);
  EXPECT_EQ(counters().queued, 0);
}

TEST_F(OtlpExporterTest, ABatchThatIsNotTakenForNowComesAgain) {
  collector_.AnswerOnce(grpc::Status(grpc::StatusCode::UNAVAILABLE, "later"));
  Start();
  Record({"a"});
  EXPECT_TRUE(Eventually([&] { return counters().exported == 1; }));
  EXPECT_EQ(collector_.names(), (Names{"a"}));
  EXPECT_EQ(counters().batches_retried, 1u);
  EXPECT_EQ(counters().batches_taken, 1u);
}

TEST_F(OtlpExporterTest, ABatchThatIsRefusedDoesNot) {
  collector_.AnswerOnce(
      grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "never"));
  Start();
  Record({"a", "b"});
  EXPECT_TRUE(Eventually([&] { return counters().dropped_refused == 2; }));
  Record({"c"});
  EXPECT_TRUE(Eventually([&] { return counters().exported == 1; }));
  EXPECT_EQ(collector_.names(), (Names{"c"}));
  EXPECT_EQ(counters().batches_refused, 1u);
}

TEST_F(OtlpExporterTest, SpansThatTheCollectorRejectsAreCounted) {
  collector_.Reject(1);
  Start();
  Record({"a", "b", "c"});
  EXPECT_TRUE(Eventually([&] { return counters().dropped_refused == 1; }));
  EXPECT_EQ(counters().exported, 2u);
}

TEST_F(OtlpExporterTest, WhatASlowCollectorLeavesNoRoomForIsDropped) {
  collector_.Hold(true);
  Start();
  Record({"a"});
  ASSERT_TRUE(Eventually([&] { return collector_.calls() == 1; }));
  Record(Names(20, "b"));
  EXPECT_EQ(counters().dropped_queue, 13u);
  EXPECT_EQ(counters().queued, 8);
  collector_.Hold(false);
  EXPECT_TRUE(Eventually([&] { return counters().exported == 8; }));
}

TEST_F(OtlpExporterTest, WhatIsThereLeavesBeforeItCloses) {
  options_.queue.batch_delay = absl::Hours(1);
  Start();
  Record({"a"});
  exporter_->Close();
  EXPECT_EQ(collector_.names(), (Names{"a"}));
  Record({"b"});
  EXPECT_EQ(counters().dropped_shutdown, 1u);
}

TEST_F(OtlpExporterTest, ClosingWaitsForNoCollectorThatIsSlow) {
  options_.flush_timeout = absl::Milliseconds(50);
  collector_.Hold(true);
  Start();
  Record({"a", "b"});
  ASSERT_TRUE(Eventually([&] { return collector_.calls() == 1; }));
  exporter_->Close();
  EXPECT_EQ(counters().dropped_shutdown, 2u);
  EXPECT_EQ(counters().exported, 0u);
}

TEST_F(OtlpExporterTest, NorForOneThatIsNotThere) {
  server_->Shutdown();
  options_.flush_timeout = absl::Milliseconds(50);
  Start();
  Record({"a"});
  EXPECT_TRUE(Eventually([&] { return counters().batches_retried > 1; }));
  exporter_->Close();
  EXPECT_EQ(counters().dropped_shutdown, 1u);
}

TEST_F(OtlpExporterTest, WithoutAnEndpointThereIsNone) {
  options_.endpoint.clear();
  const auto started = OtlpExporter::Start(options_);
  ASSERT_TRUE(started.ok());
  EXPECT_EQ(*started, nullptr);
}

TEST_F(OtlpExporterTest, WhatIsNoEndpointIsSaid) {
  for (const char* endpoint :
       {"collector", "collector:", ":4317", "http://collector:4317"}) {
    options_.endpoint = endpoint;
    const auto started = OtlpExporter::Start(options_);
    EXPECT_EQ(started.status().message(),
              "otlp_endpoint takes host:port, as in 127.0.0.1:4317.")
        << endpoint;
  }
}

TEST_F(OtlpExporterTest, FilesThatCannotBeReadAreSaid) {
  options_.certificates.ca = "/does/not/exist";
  EXPECT_EQ(OtlpExporter::Start(options_).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(OtlpExporter::Check(options_).code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace msgproc::base
