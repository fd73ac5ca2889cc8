#include "services/processor/registration/etcd_connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/clock.h"
#include "common/quoted.h"
#include "grpcpp/support/status.h"
#include "services/base/log.h"
#include "services/etcd/lease_state.h"
#include "services/etcd/requests.h"
#include "services/etcd/server_record.h"

namespace msgproc::processor {
namespace {

absl::Time Now() { return Clock::Monotonic()->Now(); }

}  // namespace

EtcdConnection::EtcdConnection(const Options& options, MakeReport make_report,
                               OnMove on_move, OnOrder on_order)
    : options_(options),
      key_(options.url.ServerKey(options.server_id)),
      make_report_(std::move(make_report)),
      on_move_(std::move(on_move)),
      on_order_(std::move(on_order)),
      client_(options.client.ForLease(options.lease), &loop_),
      leased_({.ttl = options.lease}, &client_,
              [this](int64_t lease, const etcd::LeasedKey::Claimed& claimed) {
                claims_again_ = false;
                Claim(lease, claimed);
              }),
      writer_(options.lease / 3),
      orders_(options.url.OrderKey(options.server_id), &client_,
              [this](const v1::RegisterResponse& answer) { Obey(answer); }) {
  MSGPROC_CHECK(make_report_ != nullptr);
  MSGPROC_CHECK(on_move_ != nullptr);
  MSGPROC_CHECK(on_order_ != nullptr);
  loop_.Start([this] { return Step(); });
}

EtcdConnection::~EtcdConnection() { loop_.Stop(); }

absl::Time EtcdConnection::Step() {
  uint64_t wanted = 0;
  {
    MutexLock lock(&mutex_);
    wanted = wanted_;
  }
  const absl::Time now = Now();
  etcd::LeaseState& state = leased_.state();
  if (writer_.Offer(now, make_report_(), wanted != covered_)) {
    // Without a lease the record is written anyway.
    state.Refresh();
  }
  covered_ = wanted;
  absl::Time wake = std::min(leased_.Step(), now + RecordWriter::kTick);
  if (state.phase() != etcd::LeaseState::Phase::kHeld) orders_.End();
  wake = std::min(wake, orders_.Step(now));
  Publish();
  return wake;
}

void EtcdConnection::Publish() {
  const etcd::LeaseState& state = leased_.state();
  const bool registered = state.held(Now());
  Say(registered);
  MutexLock lock(&mutex_);
  stats_ = {.registered = registered,
            .leases_lost = state.leases_lost(),
            .failures = state.failures(),
            .writes = writes_};
  left_ = state.phase() == etcd::LeaseState::Phase::kLeft;
  if (state.fresh()) reported_ = covered_;
  changed_.SignalAll();
}

void EtcdConnection::Claim(int64_t lease,
                           const etcd::LeasedKey::Claimed& claimed) {
  etcdserverpb::TxnRequest txn;
  etcd::IfChangedAt(key_, record_revision_, &txn);
  etcd::ThenPut(key_, writer_.record(), lease, &txn);
  etcd::ElseRead(key_, &txn);
  client_.Txn(txn,
              [this, lease, claimed](const grpc::Status& status,
                                     const etcdserverpb::TxnResponse& answer) {
                if (!status.ok()) return claimed(status, false);
                OnClaimAnswered(lease, answer, claimed);
              });
}

void EtcdConnection::OnClaimAnswered(int64_t lease,
                                     const etcdserverpb::TxnResponse& answer,
                                     const etcd::LeasedKey::Claimed& claimed) {
  holder_.clear();
  if (answer.succeeded()) {
    ++writes_;
    record_revision_ = answer.header().revision();
    if (leased_.state().phase() == etcd::LeaseState::Phase::kLeased) {
      orders_.Begin(record_revision_);
    }
    return claimed(grpc::Status::OK, true);
  }
  const etcdserverpb::KeyValue* const found = etcd::WhatWasRead(answer);
  record_revision_ = found == nullptr ? 0 : found->mod_revision();
  bool ours = found == nullptr || found->lease() == lease;
  if (!ours) {
    // Of this processor's former life, perhaps: nobody else can be reached at
    // its address.
    const auto record =
        etcd::ReadServerRecord(options_.server_id, found->value());
    ours = !record.ok() || record->address() == make_report_().address();
    if (!ours) holder_ = record->address();
  }
  if (!ours) {
    record_revision_ = 0;
    return claimed(grpc::Status::OK, false);
  }
  if (std::exchange(claims_again_, true)) {
    // It changes under our hands.
    return claimed(grpc::Status(grpc::StatusCode::ABORTED,
                                "its record changes while it is written"),
                   false);
  }
  Claim(lease, claimed);
}

void EtcdConnection::Obey(const v1::RegisterResponse& answer) {
  if (answer.has_move()) on_move_(answer.move());
  if (answer.has_order()) on_order_(answer.order());
}

void EtcdConnection::Say(bool registered) {
  std::string what;
  if (registered) {
    what = "registered";
  } else if (!holder_.empty()) {
    what = absl::StrCat("held by ", Quoted(holder_));
  } else if (!leased_.trouble().empty()) {
    what = leased_.trouble();
  }
  if (what.empty() || what == said_) return;
  said_ = what;
  if (registered) {
    base::LogInfo("registry", {{"key", key_}, {"event", what}});
  } else if (!holder_.empty()) {
    base::LogError(
        absl::StrCat("another processor has this one's ",
                     options_.setting_name("server_id"),
                     ": no client is sent here; give each its own name, or "
                     "stop one of them"),
        {{"key", key_}, {"reason", what}});
  } else {
    base::LogWarning(
        "not registered in the registry; trying on",
        {{"key", key_}, {"endpoint", client_.endpoint()}, {"reason", what}});
  }
}

void EtcdConnection::ReportNow() {
  {
    MutexLock lock(&mutex_);
    ++wanted_;
  }
  loop_.Post([] {});
}

void EtcdConnection::AwaitReport(absl::Time deadline) {
  MutexLock lock(&mutex_);
  while (stats_.registered && reported_ < wanted_) {
    const absl::Duration left = deadline - Now();
    if (left <= absl::ZeroDuration()) return;
    changed_.WaitFor(&mutex_, left);
  }
}

void EtcdConnection::SayGoodbye() {
  loop_.Post([this] { leased_.state().Leave(); });
}

void EtcdConnection::AwaitEnd(absl::Time deadline) {
  MutexLock lock(&mutex_);
  while (!left_) {
    const absl::Duration left = deadline - Now();
    if (left <= absl::ZeroDuration()) return;
    changed_.WaitFor(&mutex_, left);
  }
}

EtcdConnection::Stats EtcdConnection::stats() const {
  MutexLock lock(&mutex_);
  return stats_;
}

void EtcdConnection::AddDumps(absl::Time now, std::vector<StateDump>* dumps) {
  loop_.AddDumps(
      "processor::EtcdConnection",
      [this, now] {
        return std::vector<StateDump>{
            StateDump("processor::EtcdConnection",
                      {{"key", Quoted(key_)},
                       {"endpoint", Quoted(client_.endpoint())},
                       {"record_revision", record_revision_},
                       {"claims_again", claims_again_},
                       {"holder", Quoted(holder_)},
                       {"writes", writes_},
                       {"covered", covered_},
                       {"trouble", Quoted(leased_.trouble())}}),
            leased_.state().Dump(now)};
      },
      dumps);
}

}  // namespace msgproc::processor
