#include "services/processor/registration/order_watch.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/clock.h"
#include "services/base/log.h"
#include "services/etcd/requests.h"

namespace msgproc::processor {
namespace {

constexpr absl::Duration kRetry = absl::Milliseconds(500);

}  // namespace

OrderWatch::OrderWatch(std::string key, etcd::Client* client,
                       OnAnswer on_answer)
    : key_(std::move(key)), client_(client), on_answer_(std::move(on_answer)) {
  MSGPROC_CHECK(on_answer_ != nullptr);
}

void OrderWatch::Begin(int64_t revision) {
  End();
  revision_ = revision;
}

void OrderWatch::End() {
  revision_ = 0;
  if (watch_ != nullptr) watch_->Drop();
  watch_ = nullptr;
}

absl::Time OrderWatch::Step(absl::Time now) {
  if (revision_ == 0) return absl::InfiniteFuture();
  if (watch_ != nullptr && connection_ != client_->connections()) {
    watch_->Drop();
    watch_ = nullptr;
  }
  if (watch_ != nullptr) return absl::InfiniteFuture();
  if (now < retry_at_) return retry_at_;
  Watch();
  return absl::InfiniteFuture();
}

void OrderWatch::Watch() {
  connection_ = client_->connections();
  etcdserverpb::WatchCreateRequest request;
  request.set_key(key_);
  request.set_start_revision(revision_ + 1);
  watch_ = client_->Watch(
      request,
      [this](const etcdserverpb::WatchResponse& response) {
        OnResponse(response);
      },
      [this](const grpc::Status& /*status*/) { OnEnded(); });
}

void OrderWatch::OnEnded() {
  watch_ = nullptr;
  retry_at_ = Clock::Monotonic()->Now() + kRetry;
}

void OrderWatch::OnResponse(const etcdserverpb::WatchResponse& response) {
  if (response.canceled()) {
    // What is compacted is past.
    revision_ = std::max(revision_, response.compact_revision());
    if (response.compact_revision() == 0) client_->ForgetToken();
    watch_->Drop();
    return OnEnded();
  }
  for (const etcdserverpb::Event& event : response.events()) {
    revision_ = std::max(revision_, event.kv().mod_revision());
    if (event.type() != etcdserverpb::Event::PUT) continue;
    Delete(event.kv());
    v1::RegisterResponse answer;
    if (answer.ParseFromString(event.kv().value())) {
      on_answer_(answer);
    } else {
      base::LogWarning("an order in the registry cannot be read",
                       {{"key", key_}});
    }
  }
}

void OrderWatch::Delete(const etcdserverpb::KeyValue& order) {
  // Unless the next one is there already.
  etcdserverpb::TxnRequest txn;
  etcd::IfChangedAt(key_, order.mod_revision(), &txn);
  etcd::ThenDelete(key_, &txn);
  client_->Txn(txn, [](const grpc::Status& /*status*/,
                       const etcdserverpb::TxnResponse& /*answer*/) {});
}

}  // namespace msgproc::processor
