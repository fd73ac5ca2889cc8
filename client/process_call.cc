#include "client/process_call.h"

#include <utility>

#include "client/call_token.h"
#include "common/check.h"
#include "grpcpp/generic/generic_stub.h"
#include "wire/byte_buffer.h"

namespace msgproc::client {

ProcessCall::ProcessCall(std::shared_ptr<grpc::Channel> channel,
                         const std::string& token, Listener* listener)
    : channel_(std::move(channel)) {
  AddToken(token, &context_);
  // The first frame travels with the headers.
  context_.set_initial_metadata_corked(true);
  grpc::GenericStub(channel_).PrepareBidiStreamingCall(
      &context_, "/msgproc.v1.Processor/Process", grpc::StubOptions(), this);
  listener_.store(listener, std::memory_order_release);
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
  wire::ToByteBuffer(head, pieces, &outgoing_);
  in_flight_.store(&outgoing_, std::memory_order_release);
  StartWrite(&outgoing_);
}

void ProcessCall::WriteLast(absl::string_view head,
                            std::vector<wire::Piece>* pieces) {
  wire::ToByteBuffer(head, pieces, &outgoing_);
  in_flight_.store(&outgoing_, std::memory_order_release);
  StartWriteLast(&outgoing_, grpc::WriteOptions());
}

void ProcessCall::HalfClose() { StartWritesDone(); }

void ProcessCall::OnReadDone(bool ok) {
  if (ok) {
    listener()->OnFrame();
  } else {
    listener()->OnReadEnded();
  }
}

void ProcessCall::OnWriteDone(bool ok) {
  grpc::ByteBuffer* const written = in_flight_.load(std::memory_order_acquire);
  MSGPROC_CHECK(written != nullptr);
  written->Clear();
  listener()->OnWritten(ok);
}

void ProcessCall::OnWritesDoneDone(bool ok) { listener()->OnWritten(ok); }

void ProcessCall::OnDone(const grpc::Status& status) {
  listener()->OnEnded(status);
}

}  // namespace msgproc::client
