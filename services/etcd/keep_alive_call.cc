#include "services/etcd/keep_alive_call.h"

#include <memory>
#include <utility>

namespace msgproc::etcd {

KeepAliveCall::KeepAliveCall(const etcdserverpb::LeaseKeepAliveRequest& request,
                             Done done)
    : request_(request), done_(std::move(done)) {}

void KeepAliveCall::Start(etcdserverpb::Lease::Stub* stub,
                          grpc::ClientContext* context,
                          const etcdserverpb::LeaseKeepAliveRequest& request,
                          etcdserverpb::LeaseKeepAliveResponse* answer,
                          Done done) {
  auto* const call = new KeepAliveCall(request, std::move(done));
  stub->async()->LeaseKeepAlive(context, call);
  call->StartWriteLast(&call->request_, grpc::WriteOptions());
  call->StartRead(answer);
  call->StartCall();
}

void KeepAliveCall::OnDone(const grpc::Status& status) {
  const std::unique_ptr<KeepAliveCall> self(this);
  done_(status.ok() && !answered_
            ? grpc::Status(grpc::StatusCode::UNAVAILABLE,
                           "etcd did not answer the keep-alive")
            : status);
}

}  // namespace msgproc::etcd
