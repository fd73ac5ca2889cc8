// A data race in a reactor, planted: ThreadSanitizer must find it, through the
// suppressions that uninstrumented gRPC needs (bazel/sanitizers).

#include <cstdlib>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/mutex.h"
#include "grpcpp/grpcpp.h"
#include "gtest/gtest.h"
#include "msgproc/v1/processor.grpc.pb.h"

namespace msgproc {
namespace {

// The race: no lock.
[[gnu::noinline]] void CountWithoutALock(int* requests) { ++*requests; }

// Answers each request with itself. It follows the rule that keeps false alarms
// out: gRPC's own locks are invisible, so its members are touched only under
// its own mutex, in the constructor too.
class RacyReactor
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit RacyReactor(int* requests) {
    MutexLock lock(&mutex_);
    requests_ = requests;
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Finish(grpc::Status::OK);
      return;
    }
    int* requests;
    {
      MutexLock lock(&mutex_);
      requests = requests_;
    }
    CountWithoutALock(requests);
    StartWrite(&request_);
  }
  void OnWriteDone(bool /*ok*/) override { StartRead(&request_); }
  void OnDone() override { delete this; }

 private:
  Mutex mutex_;
  int* requests_ MSGPROC_GUARDED_BY(mutex_);
  grpc::ByteBuffer request_;
};

class RacyService : public v1::Processor::WithRawCallbackMethod_Process<
                        v1::Processor::Service> {
 public:
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Process(
      grpc::CallbackServerContext* /*context*/) override {
    return new RacyReactor(&requests);
  }

  int requests = 0;
};

// Changes the count of requests while a reactor changes it too.
[[maybe_unused]] void RaceWithAReactor() {
  RacyService service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  const auto stub = v1::Processor::NewStub(grpc::CreateChannel(
      absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  const auto stream = stub->Process(&context);
  v1::ProcessResponse response;
  for (int i = 0; i < 100; ++i) {
    stream->Write(v1::ProcessRequest());
    CountWithoutALock(&service.requests);
    stream->Read(&response);
  }
  context.TryCancel();
}

TEST(PlantedRaceTest, ThreadSanitizerFindsARaceInAReactor) {
#ifdef __SANITIZE_THREAD__
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        RaceWithAReactor();
        std::exit(0);
      },
      testing::ExitedWithCode(66),
      "data race(.|\n)*#0 [^\n]*CountWithoutALock");
#else
  GTEST_SKIP() << "needs --config=tsan";
#endif
}

}  // namespace
}  // namespace msgproc
