#include "services/balancer/etcd/mover.h"

#include <utility>

#include "grpcpp/support/status.h"
#include "services/etcd/lease_state.h"
#include "services/etcd/requests.h"

namespace msgproc::balancer {

Mover::Mover(std::string key, std::string name, absl::Duration lease,
             etcd::Client* client)
    : key_(std::move(key)),
      name_(std::move(name)),
      client_(client),
      leased_({.ttl = lease}, client,
              [this](int64_t id, const etcd::LeasedKey::Claimed& claimed) {
                Claim(id, claimed);
              }) {}

void Mover::Claim(int64_t lease, const etcd::LeasedKey::Claimed& claimed) {
  etcdserverpb::TxnRequest txn;
  etcd::IfCreatedAt(key_, 0, &txn);
  etcd::ThenPut(key_, name_, lease, &txn);
  etcd::ElseRead(key_, &txn);
  client_->Txn(
      txn, [this, lease, claimed](const grpc::Status& status,
                                  const etcdserverpb::TxnResponse& answer) {
        if (!status.ok()) return claimed(status, false);
        const etcdserverpb::KeyValue* const holder = etcd::WhatWasRead(answer);
        const bool ours = answer.succeeded() ||
                          (holder != nullptr && holder->lease() == lease);
        if (ours) {
          won_at_ = answer.succeeded() ? answer.header().revision()
                                       : holder->create_revision();
        }
        claimed(status, ours);
      });
}

void Mover::Guard(etcdserverpb::TxnRequest* txn) const {
  etcd::IfCreatedAt(key_, won_at_, txn);
}

bool Mover::left() const {
  return leased_.state().phase() == etcd::LeaseState::Phase::kLeft;
}

}  // namespace msgproc::balancer
