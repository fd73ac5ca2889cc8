#include "client/process_call.h"

#include <utility>

#include "grpcpp/generic/generic_stub.h"
#include "proto/wire/byte_buffer.h"

namespace msgproc::client {

ProcessCall::ProcessCall(std::shared_ptr<grpc::Channel> channel,
                         Listener* listener)
    : channel_(std::move(channel)), listener_(listener) {
  // The first frame travels with the headers.
  context_.set_initial_metadata_corked(true);
  grpc::GenericStub(channel_).PrepareBidiStreamingCall(
      &context_, "/msgproc.v1.Processor/Process", grpc::StubOptions(), this);
}

void ProcessCall::Start(absl::string_view head,
                        std::vector<wire::Piece>* pieces) {
  AddHold();
  StartRead(&incoming_);
  Write(head, pieces);
  StartCall();
}

void ProcessCall::Write(absl::string_view head,
                        std::vector<wire::Piece>* pieces) {
  outgoing_ = wire::ToByteBuffer(head, pieces);
  StartWrite(&outgoing_);
}

void ProcessCall::WriteLast(absl::string_view head,
                            std::vector<wire::Piece>* pieces) {
  outgoing_ = wire::ToByteBuffer(head, pieces);
  StartWriteLast(&outgoing_, grpc::WriteOptions());
}

void ProcessCall::HalfClose() { StartWritesDone(); }

void ProcessCall::OnReadDone(bool ok) {
  if (ok) {
    listener_->OnFrame();
  } else {
    listener_->OnReadEnded();
  }
}

void ProcessCall::OnWriteDone(bool ok) {
  outgoing_.Clear();
  listener_->OnWritten(ok);
}

void ProcessCall::OnWritesDoneDone(bool ok) { listener_->OnWritten(ok); }

void ProcessCall::OnDone(const grpc::Status& status) {
  listener_->OnEnded(status);
}

}  // namespace msgproc::client
