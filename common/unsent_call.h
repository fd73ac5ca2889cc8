#ifndef MSGPROC_COMMON_UNSENT_CALL_H_
#define MSGPROC_COMMON_UNSENT_CALL_H_

#include <memory>

#include "common/mutex.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/client_callback.h"

namespace msgproc {

// A call that is never sent: a way to gRPC's queue of callbacks, for a
// CompletionMarker. No marker may be under way when it is destroyed, which
// waits for a callback of gRPC's.
class UnsentCall final
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  UnsentCall();
  // gRPC keeps a prepared call until it has ended.
  ~UnsentCall() override;

  grpc_call* c_call() { return context_.c_call(); }

 private:
  void OnDone(const grpc::Status& status) override;

  const std::shared_ptr<grpc::Channel> channel_;
  grpc::ClientContext context_;
  Mutex mutex_;
  CondVar ended_;
  bool done_ MSGPROC_GUARDED_BY(mutex_) = false;
};

}  // namespace msgproc

#endif  // MSGPROC_COMMON_UNSENT_CALL_H_
