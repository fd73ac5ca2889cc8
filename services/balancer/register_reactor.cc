#include "services/balancer/register_reactor.h"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/check.h"
#include "grpcpp/server_context.h"
#include "services/balancer/wire_conversions.h"
#include "services/base/grpc_status.h"
#include "wire/proto_duration.h"
#include "wire/proto_time.h"

namespace msgproc::balancer {
namespace {

// Answers that wait for a processor that does not read. Beyond it they are
// dropped: the next report gets new ones.
constexpr size_t kMaxWaiting = 2 * Fleet::kMaxOrders;

}  // namespace

RegisterReactor::RegisterReactor(Fleet* fleet, base::MethodMetrics* metrics,
                                 grpc::CallbackServerContext* context,
                                 std::string owner, OnRefused on_refused,
                                 std::function<void(RegisterReactor*)> on_done)
    : fleet_(fleet),
      metrics_(metrics),
      context_(context),
      owner_(std::move(owner)),
      on_refused_(std::move(on_refused)),
      on_done_(std::move(on_done)) {}

void RegisterReactor::Start(const absl::Status& admission) {
  MSGPROC_CHECK(self_ == nullptr);
  self_ = shared_from_this();
  metrics_->Started();
  if (!admission.ok()) return End(admission);
  StartSendInitialMetadata();
  StartRead(&request_);
}

void RegisterReactor::OnReadDone(bool ok) {
  // Half-closed or broken: OnDone knows which.
  if (!ok) return End(absl::OkStatus());
  metrics_->MessageReceived();
  if (absl::Status status = TakeReport(); !status.ok()) {
    return End(std::move(status));
  }
  StartRead(&request_);
}

absl::Status RegisterReactor::TakeReport() {
  ServerReport report = ToReport(request_);
  report.owner = owner_;
  if (request_.vitals().has_clock()) {
    report.vitals.clock_ahead =
        wire::FromProto(request_.vitals().clock()) - absl::Now();
  }
  if (registration_.has_value()) {
    const auto orders = fleet_->Report(*registration_, report);
    if (!orders.ok()) return orders.status();
    Answer(*orders);
    return absl::OkStatus();
  }
  auto registration = fleet_->Register(
      report,
      [self = weak_from_this()](absl::Status status) {
        if (const auto reactor = self.lock()) reactor->End(std::move(status));
      },
      [self = weak_from_this()](const ServerOrder& order) {
        const auto reactor = self.lock();
        return reactor != nullptr && reactor->Pass(order);
      });
  if (!registration.ok()) {
    on_refused_(registration.status(), report.server_id);
    return registration.status();
  }
  registration_ = *std::move(registration);
  Answer({});
  return absl::OkStatus();
}

void RegisterReactor::Answer(const std::vector<MoveOrder>& orders) {
  v1::RegisterResponse response;
  *response.mutable_lease() = wire::ToProto(fleet_->lease());
  {
    MutexLock lock(&mutex_);
    if (orders.empty() && waiting_.empty()) waiting_.push_back(response);
    for (const MoveOrder& order : orders) {
      if (waiting_.size() >= kMaxWaiting) break;
      response.mutable_move()->set_sessions(order.sessions);
      response.mutable_move()->set_to_address(order.to_address);
      waiting_.push_back(response);
    }
    MSGPROC_CHECK_LE(waiting_.size(), kMaxWaiting);
  }
  Advance();
}

bool RegisterReactor::Pass(const ServerOrder& order) {
  v1::RegisterResponse response;
  *response.mutable_lease() = wire::ToProto(fleet_->lease());
  ToProto(order, response.mutable_order());
  {
    MutexLock lock(&mutex_);
    if (end_.has_value() || waiting_.size() >= kMaxWaiting) return false;
    waiting_.push_back(std::move(response));
  }
  Advance();
  return true;
}

void RegisterReactor::End(absl::Status status) {
  {
    MutexLock lock(&mutex_);
    if (end_.has_value()) return;
    end_ = std::move(status);
    waiting_.clear();
  }
  Advance();
}

void RegisterReactor::Advance() {
  std::optional<absl::Status> finish;
  {
    MutexLock lock(&mutex_);
    if (write_in_flight_ || finished_) return;
    if (end_.has_value()) {
      finished_ = true;
      finish = end_;
    } else if (waiting_.empty()) {
      return;
    } else {
      response_ = std::move(waiting_.front());
      waiting_.pop_front();
      write_in_flight_ = true;
    }
  }
  if (!finish.has_value()) return StartWrite(&response_);
  metrics_->Handled(static_cast<int>(finish->code()));
  Finish(base::ToGrpcStatus(*finish));
}

void RegisterReactor::OnWriteDone(bool ok) {
  if (ok) metrics_->MessageSent();
  {
    MutexLock lock(&mutex_);
    MSGPROC_CHECK(write_in_flight_);
    write_in_flight_ = false;
  }
  Advance();
}

void RegisterReactor::OnCancel() { End(absl::CancelledError()); }

void RegisterReactor::OnDone() {
  const std::shared_ptr<RegisterReactor> self = std::move(self_);
  MSGPROC_CHECK(self != nullptr);
  if (registration_.has_value()) {
    // A read that fails may come before the news that the stream broke; by now
    // it is known.
    if (context_->IsCancelled()) {
      fleet_->Lose(*registration_);
    } else {
      fleet_->Leave(*registration_);
    }
  }
  on_done_(this);
}

}  // namespace msgproc::balancer
