#include "services/balancer/health_watch.h"

#include <utility>

#include "absl/strings/match.h"
#include "common/check.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/impl/codegen/proto_utils.h"

namespace msgproc::balancer {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

Health HealthOf(const grpc::Status& status) {
  // The server is there, but is none that could say how it is.
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
    return Health::kNotServing;
  }
  // gRPC gives no code to tell a refused connection from a silent host.
  if (absl::StrContains(status.error_message(), "Connection refused")) {
    return Health::kRefused;
  }
  return Health::kUnreachable;
}

}  // namespace

HealthWatch::HealthWatch(const std::shared_ptr<grpc::Channel>& channel,
                         OnHealth on_health)
    : on_health_(std::move(on_health)) {
  MSGPROC_CHECK(on_health_ != nullptr);
  grpc::TemplatedGenericStub<HealthCheckRequest, HealthCheckResponse> stub(
      channel);
  stub.PrepareBidiStreamingCall(&context_, "/grpc.health.v1.Health/Watch", {},
                                this);
  StartWriteLast(&request_, grpc::WriteOptions());
  StartRead(&response_);
  StartCall();
}

void HealthWatch::Cancel() {
  {
    MutexLock lock(&mutex_);
    cancelled_ = true;
  }
  context_.TryCancel();
}

bool HealthWatch::answered() const {
  MutexLock lock(&mutex_);
  return answered_;
}

bool HealthWatch::over() const {
  MutexLock lock(&mutex_);
  return over_;
}

void HealthWatch::Wait() {
  MutexLock lock(&mutex_);
  while (!over_) ended_.Wait(&mutex_);
}

void HealthWatch::OnReadDone(bool ok) {
  // What follows is OnDone.
  if (!ok) return;
  bool cancelled = false;
  {
    MutexLock lock(&mutex_);
    MSGPROC_CHECK(!over_);
    answered_ = true;
    cancelled = cancelled_;
  }
  if (!cancelled) {
    on_health_(response_.status() == HealthCheckResponse::SERVING
                   ? Health::kServing
                   : Health::kNotServing);
  }
  StartRead(&response_);
}

void HealthWatch::OnDone(const grpc::Status& status) {
  bool tell = false;
  {
    MutexLock lock(&mutex_);
    // A watch that breaks after an answer says nothing about the server yet:
    // the next one will.
    tell = !answered_ && !cancelled_;
  }
  if (tell) on_health_(HealthOf(status));
  MutexLock lock(&mutex_);
  MSGPROC_CHECK(!over_);
  over_ = true;
  ended_.SignalAll();
}

}  // namespace msgproc::balancer
