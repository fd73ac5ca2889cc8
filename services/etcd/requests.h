#ifndef MSGPROC_SERVICES_ETCD_REQUESTS_H_
#define MSGPROC_SERVICES_ETCD_REQUESTS_H_

#include <cstdint>
#include <string>

#include "etcd/rpc.pb.h"

// Parts of etcd's transactions.
namespace msgproc::etcd {

// Holds where `key` was last changed at `revision`; 0: where there is none.
void IfChangedAt(const std::string& key, int64_t revision,
                 etcdserverpb::TxnRequest* txn);
// Holds where `key` was created at `revision`; 0: where there is none.
void IfCreatedAt(const std::string& key, int64_t revision,
                 etcdserverpb::TxnRequest* txn);
// `lease` may be 0.
void ThenPut(const std::string& key, const std::string& value, int64_t lease,
             etcdserverpb::TxnRequest* txn);
void ThenDelete(const std::string& key, etcdserverpb::TxnRequest* txn);
void ElseRead(const std::string& key, etcdserverpb::TxnRequest* txn);

// What ElseRead found; null: nothing, or the transaction succeeded.
const etcdserverpb::KeyValue* WhatWasRead(
    const etcdserverpb::TxnResponse& answer);

}  // namespace msgproc::etcd

#endif  // MSGPROC_SERVICES_ETCD_REQUESTS_H_
