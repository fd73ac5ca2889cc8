#ifndef MSGPROC_CLIENT_PROCESS_CALL_H_
#define MSGPROC_CLIENT_PROCESS_CALL_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/client_callback.h"
#include "wire/entry_log.h"

namespace msgproc::client {

// One stream of Processor.Process on one connection, from its first request to
// its status. It knows frames and nothing of what is in them.
//
//   Start ──▶ read ──▶ OnFrame ──▶ ReadNext ──▶ read ...  ──▶ OnReadEnded
//         └─▶ write ─▶ OnWritten ─▶ Write | HalfClose ...
//   OnReadEnded, no write in flight, nothing to start any more: Release
//         └─▶ OnEnded(status), after which nothing follows
//
// At most one read and one write are in flight: Write and HalfClose only when
// none is, ReadNext only after OnFrame. All commands may come from any thread,
// until Release.
//
// Its owner keeps it from Start until OnEnded, and lets go of it on a thread
// that is not gRPC's: a channel that goes with it may be the last one, which
// joins gRPC's threads. Nothing is touched after OnEnded.
class ProcessCall final
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // Is told what happens, on threads of gRPC; reads and writes at the same
  // time. OnEnded comes last and once.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void OnFrame() = 0;  // incoming() has it.
    virtual void OnReadEnded() = 0;
    virtual void OnWritten(bool ok) = 0;
    virtual void OnEnded(const grpc::Status& status) = 0;
  };

  // Prepares a call on `channel`, to be started. With `token`, unless that is
  // empty. `listener` must outlive it.
  ProcessCall(std::shared_ptr<grpc::Channel> channel, const std::string& token,
              Listener* listener);

  // Writes the first frame and starts to read.
  void Start(absl::string_view head, std::vector<wire::Piece>* pieces);

  void Write(absl::string_view head, std::vector<wire::Piece>* pieces);
  // A frame and half-close in one.
  void WriteLast(absl::string_view head, std::vector<wire::Piece>* pieces);
  void HalfClose();

  const grpc::Channel* channel() const { return channel_.get(); }

  // What was read last; belongs to the caller until ReadNext.
  grpc::ByteBuffer* incoming() { return &incoming_; }
  void ReadNext() { StartRead(&incoming_); }

  // For a CompletionMarker.
  grpc_call* c_call() { return context_.c_call(); }

  // Ends the call soon. Also after the end, when it does nothing.
  void Cancel() { context_.TryCancel(); }

  // Nothing will be started any more.
  void Release() { RemoveHold(); }

 private:
  Listener* listener() const {
    return listener_.load(std::memory_order_acquire);
  }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnWritesDoneDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

  const std::shared_ptr<grpc::Channel> channel_;
  grpc::ClientContext context_;
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  // Atomic because gRPC's order of command and reaction is kept inside a
  // library where ThreadSanitizer does not see it. Costs nothing.
  std::atomic<Listener*> listener_{nullptr};
  std::atomic<grpc::ByteBuffer*> in_flight_{nullptr};
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_PROCESS_CALL_H_
