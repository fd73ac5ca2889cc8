#include "services/etcd/watch_call.h"

#include <utility>

#include "common/check.h"

namespace msgproc::etcd {

WatchCall::WatchCall(Loop* loop, OpenCalls* open, OnResponse on_response,
                     OnEnded on_ended)
    : loop_(loop),
      open_(open),
      on_response_(std::move(on_response)),
      on_ended_(std::move(on_ended)) {}

void WatchCall::Start(etcdserverpb::Watch::Stub* stub,
                      std::shared_ptr<const void> keep,
                      etcdserverpb::WatchRequest request) {
  MSGPROC_CHECK(self_ == nullptr);
  if (dropped_) return;
  request_ = std::move(request);
  keep_ = std::move(keep);
  self_ = shared_from_this();
  id_ = open_->Add(&context_);
  stub->async()->Watch(&context_, this);
  StartWrite(&request_);
  StartRead(&response_);
  StartCall();
}

void WatchCall::Refuse(const grpc::Status& status) {
  loop_->Post([self = shared_from_this(), status] {
    if (!self->dropped_) self->on_ended_(status);
  });
}

void WatchCall::Drop() {
  dropped_ = true;
  context_.TryCancel();
}

void WatchCall::OnReadDone(bool ok) {
  // OnDone says why.
  if (!ok) return;
  loop_->Post([self = shared_from_this(), response = std::move(response_)] {
    if (!self->dropped_) self->on_response_(response);
  });
  response_.Clear();
  StartRead(&response_);
}

void WatchCall::OnDone(const grpc::Status& status) {
  OpenCalls* const open = open_;
  const uint64_t id = id_;
  // Its memory, and with it the channel, goes on the loop's thread: from here
  // on it may be gone.
  loop_->Post([self = std::move(self_), status] {
    if (!self->dropped_) self->on_ended_(status);
  });
  open->Remove(id);
}

}  // namespace msgproc::etcd
