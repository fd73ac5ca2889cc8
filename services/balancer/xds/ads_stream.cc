#include "services/balancer/xds/ads_stream.h"

#include <string>
#include <utility>

#include "common/check.h"
#include "grpcpp/server_context.h"
#include "services/base/grpc_status.h"

namespace msgproc::balancer {

AdsStream::AdsStream(const Host* host, grpc::CallbackServerContext* context)
    : host_(host), context_(context) {}

void AdsStream::Start(const absl::Status& admission) {
  MSGPROC_CHECK(self_ == nullptr);
  self_ = shared_from_this();
  if (!admission.ok()) return End(admission);
  StartSendInitialMetadata();
  StartRead(&request_);
}

std::string AdsStream::node_id() const {
  MutexLock lock(&mutex_);
  return state_.node_id();
}

void AdsStream::OnReadDone(bool ok) {
  // Half-closed or broken: OnDone knows which.
  if (!ok) return End(absl::OkStatus());
  absl::StatusOr<std::optional<AdsState::Refusal>> refusal;
  {
    MutexLock lock(&mutex_);
    refusal = state_.OnRequest(request_);
    if (refusal.ok()) Assign();
  }
  if (!refusal.ok()) return End(refusal.status());
  if (refusal->has_value()) host_->on_refused(**refusal, *this);
  Advance();
  StartRead(&request_);
}

void AdsStream::Assign() {
  if (!state_.wants_endpoints()) return;
  auto assignment = assignment_.Review({state_.node_id(), state_.locality()},
                                       host_->resolve, random_, host_->fleet);
  if (assignment.has_value()) state_.SetEndpoints(*std::move(assignment));
}

void AdsStream::Review() {
  {
    MutexLock lock(&mutex_);
    if (end_.has_value()) return;
    Assign();
  }
  Advance();
}

void AdsStream::End(absl::Status status) {
  {
    MutexLock lock(&mutex_);
    if (end_.has_value()) return;
    end_ = std::move(status);
  }
  Advance();
}

void AdsStream::Advance() {
  std::optional<absl::Status> finish;
  std::optional<ResourceType> sent;
  {
    MutexLock lock(&mutex_);
    if (write_in_flight_ || finished_) return;
    if (end_.has_value()) {
      finished_ = true;
      finish = end_;
    } else {
      auto response = state_.NextResponse();
      if (!response.has_value()) return;
      response_ = *std::move(response);
      sent = ResourceTypeOf(response_.type_url());
      write_in_flight_ = true;
    }
  }
  if (finish.has_value()) return Finish(base::ToGrpcStatus(*finish));
  if (sent.has_value()) host_->on_response(*sent);
  StartWrite(&response_);
}

void AdsStream::OnWriteDone(bool ok) {
  {
    MutexLock lock(&mutex_);
    MSGPROC_CHECK(write_in_flight_);
    write_in_flight_ = false;
    // It will not get better, and nothing more is to be written.
    if (!ok && !end_.has_value()) end_ = absl::CancelledError();
  }
  Advance();
}

void AdsStream::OnDone() {
  const std::shared_ptr<AdsStream> self = std::move(self_);
  MSGPROC_CHECK(self != nullptr);
  host_->on_done(this);
}

}  // namespace msgproc::balancer
