#include "common/unsent_call.h"

#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"

namespace msgproc {

UnsentCall::UnsentCall()
    : channel_(grpc::CreateChannel("ipv4:127.0.0.1:1",
                                   grpc::InsecureChannelCredentials())) {
  grpc::GenericStub(channel_).PrepareBidiStreamingCall(
      &context_, "/unsent", grpc::StubOptions(), this);
}

UnsentCall::~UnsentCall() {
  context_.TryCancel();
  StartCall();
  MutexLock lock(&mutex_);
  while (!done_) ended_.Wait(&mutex_);
}

void UnsentCall::OnDone(const grpc::Status& /*status*/) {
  MutexLock lock(&mutex_);
  done_ = true;
  ended_.SignalAll();
}

}  // namespace msgproc
