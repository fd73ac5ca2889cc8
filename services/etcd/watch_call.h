#ifndef MSGPROC_SERVICES_ETCD_WATCH_CALL_H_
#define MSGPROC_SERVICES_ETCD_WATCH_CALL_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "etcd/rpc.grpc.pb.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/client_callback.h"
#include "services/etcd/loop.h"
#include "services/etcd/open_calls.h"

namespace msgproc::etcd {

// One watch of etcd, from its start to its status. Keeps itself until gRPC is
// done with it. What it hears is told on the loop's thread, where Drop is
// called, too.
class WatchCall final
    : public grpc::ClientBidiReactor<etcdserverpb::WatchRequest,
                                     etcdserverpb::WatchResponse>,
      public std::enable_shared_from_this<WatchCall> {
 public:
  using OnResponse = std::function<void(const etcdserverpb::WatchResponse&)>;
  using OnEnded = std::function<void(const grpc::Status&)>;

  // `loop` and `open` outlive the call.
  WatchCall(Loop* loop, OpenCalls* open, OnResponse on_response,
            OnEnded on_ended);

  // Before Start.
  grpc::ClientContext* context() { return &context_; }
  // Next, once. `stub` outlives the call by way of `keep`.
  void Start(etcdserverpb::Watch::Stub* stub, std::shared_ptr<const void> keep,
             etcdserverpb::WatchRequest request);
  // In place of Start: ends it with `status` before it has begun.
  void Refuse(const grpc::Status& status);
  // Nothing is told any more, whether it was started or not.
  void Drop();

  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  Loop* const loop_;
  OpenCalls* const open_;
  const OnResponse on_response_;
  const OnEnded on_ended_;
  // Touched on the loop's thread only.
  bool dropped_ = false;
  uint64_t id_ = 0;
  grpc::ClientContext context_;
  etcdserverpb::WatchRequest request_;
  // Of the read in flight.
  etcdserverpb::WatchResponse response_;
  std::shared_ptr<const void> keep_;
  std::shared_ptr<WatchCall> self_;
};

}  // namespace msgproc::etcd

#endif  // MSGPROC_SERVICES_ETCD_WATCH_CALL_H_
