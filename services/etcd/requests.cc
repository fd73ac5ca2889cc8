#include "services/etcd/requests.h"

namespace msgproc::etcd {

void IfChangedAt(const std::string& key, int64_t revision,
                 etcdserverpb::TxnRequest* txn) {
  etcdserverpb::Compare* const compare = txn->add_compare();
  compare->set_result(etcdserverpb::Compare::EQUAL);
  compare->set_target(etcdserverpb::Compare::MOD);
  compare->set_key(key);
  compare->set_mod_revision(revision);
}

void IfCreatedAt(const std::string& key, int64_t revision,
                 etcdserverpb::TxnRequest* txn) {
  etcdserverpb::Compare* const compare = txn->add_compare();
  compare->set_result(etcdserverpb::Compare::EQUAL);
  compare->set_target(etcdserverpb::Compare::CREATE);
  compare->set_key(key);
  compare->set_create_revision(revision);
}

void ThenPut(const std::string& key, const std::string& value, int64_t lease,
             etcdserverpb::TxnRequest* txn) {
  etcdserverpb::PutRequest* const put =
      txn->add_success()->mutable_request_put();
  put->set_key(key);
  put->set_value(value);
  put->set_lease(lease);
}

void ThenDelete(const std::string& key, etcdserverpb::TxnRequest* txn) {
  txn->add_success()->mutable_request_delete_range()->set_key(key);
}

void ElseRead(const std::string& key, etcdserverpb::TxnRequest* txn) {
  txn->add_failure()->mutable_request_range()->set_key(key);
}

const etcdserverpb::KeyValue* WhatWasRead(
    const etcdserverpb::TxnResponse& answer) {
  if (answer.succeeded() || answer.responses().empty()) return nullptr;
  const auto& kvs = answer.responses(0).response_range().kvs();
  return kvs.empty() ? nullptr : &kvs[0];
}

}  // namespace msgproc::etcd
