#ifndef MSGPROC_SERVICES_ETCD_KEEP_ALIVE_CALL_H_
#define MSGPROC_SERVICES_ETCD_KEEP_ALIVE_CALL_H_

#include <functional>

#include "etcd/rpc.grpc.pb.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"

namespace msgproc::etcd {

// LeaseKeepAlive, a stream by etcd's contract, as the question and answer that
// it is: one of each, and a deadline. Deletes itself.
class KeepAliveCall final
    : public grpc::ClientBidiReactor<etcdserverpb::LeaseKeepAliveRequest,
                                     etcdserverpb::LeaseKeepAliveResponse> {
 public:
  using Done = std::function<void(const grpc::Status&)>;

  // `done` is called once, on a thread of gRPC's; UNAVAILABLE where the stream
  // ended well and without an answer. All but `request` live until then.
  static void Start(etcdserverpb::Lease::Stub* stub,
                    grpc::ClientContext* context,
                    const etcdserverpb::LeaseKeepAliveRequest& request,
                    etcdserverpb::LeaseKeepAliveResponse* answer, Done done);

  void OnReadDone(bool ok) override { answered_ = ok; }
  void OnDone(const grpc::Status& status) override;

 private:
  KeepAliveCall(const etcdserverpb::LeaseKeepAliveRequest& request, Done done);

  const etcdserverpb::LeaseKeepAliveRequest request_;
  const Done done_;
  bool answered_ = false;
};

}  // namespace msgproc::etcd

#endif  // MSGPROC_SERVICES_ETCD_KEEP_ALIVE_CALL_H_
