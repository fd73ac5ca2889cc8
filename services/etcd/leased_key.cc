#include "services/etcd/leased_key.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/clock.h"

namespace msgproc::etcd {
namespace {

absl::Time Now() { return Clock::Monotonic()->Now(); }

}  // namespace

LeasedKey::LeasedKey(const LeaseState::Options& options, Client* client,
                     Claim claim)
    : ttl_(options.ttl),
      client_(client),
      claim_(std::move(claim)),
      state_(options) {
  MSGPROC_CHECK(claim_ != nullptr);
}

absl::Time LeasedKey::Step() {
  const LeaseState::Actions actions = state_.Next(Now());
  Perform(actions);
  return actions.wake;
}

void LeasedKey::Perform(const LeaseState::Actions& actions) {
  switch (actions.request) {
    case LeaseState::Request::kNone:
      return;
    case LeaseState::Request::kGrant:
      return Grant();
    case LeaseState::Request::kClaim:
      return claim_(actions.lease,
                    [this](const grpc::Status& status, bool ours) {
                      if (!status.ok()) return Fail(status);
                      trouble_.clear();
                      state_.OnClaimed(Now(), ours);
                    });
    case LeaseState::Request::kKeepAlive:
      return KeepAlive(actions.lease);
    case LeaseState::Request::kRevoke:
      return Revoke(actions.lease);
  }
}

void LeasedKey::Grant() {
  etcdserverpb::LeaseGrantRequest request;
  request.set_ttl(absl::ToInt64Seconds(absl::Ceil(ttl_, absl::Seconds(1))));
  client_->Grant(
      request, [this](const grpc::Status& status,
                      const etcdserverpb::LeaseGrantResponse& answer) {
        if (!status.ok()) return Fail(status);
        if (answer.id() == 0 || answer.ttl() <= 0) {
          return Fail(grpc::Status(
              grpc::StatusCode::UNAVAILABLE,
              absl::StrCat("etcd granted no lease: ", answer.error())));
        }
        trouble_.clear();
        state_.OnGranted(Now(), answer.id(), absl::Seconds(answer.ttl()));
      });
}

void LeasedKey::KeepAlive(int64_t lease) {
  etcdserverpb::LeaseKeepAliveRequest request;
  request.set_id(lease);
  client_->KeepAlive(
      request, [this](const grpc::Status& status,
                      const etcdserverpb::LeaseKeepAliveResponse& answer) {
        if (!status.ok()) return Fail(status);
        trouble_.clear();
        state_.OnKeptAlive(Now(), absl::Seconds(answer.ttl()));
      });
}

void LeasedKey::Revoke(int64_t lease) {
  etcdserverpb::LeaseRevokeRequest request;
  request.set_id(lease);
  client_->Revoke(request,
                  [this](const grpc::Status& status,
                         const etcdserverpb::LeaseRevokeResponse& /*answer*/) {
                    if (!status.ok()) return Fail(status);
                    state_.OnRevoked();
                  });
}

void LeasedKey::Fail(const grpc::Status& status) {
  trouble_ = status.error_message();
  if (trouble_.empty()) trouble_ = "no reason given";
  state_.OnFailed(Now(), status.error_code() == grpc::StatusCode::NOT_FOUND,
                  random_);
}

}  // namespace msgproc::etcd
