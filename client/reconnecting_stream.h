#ifndef MSGPROC_CLIENT_RECONNECTING_STREAM_H_
#define MSGPROC_CLIENT_RECONNECTING_STREAM_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/address_source.h"
#include "client/connection_state.h"
#include "client/connector.h"
#include "client/delivery.h"
#include "client/kept_session.h"
#include "client/message_stream.h"
#include "client/process_call.h"
#include "client/timer.h"
#include "client/token_source.h"
#include "common/completion_marker.h"
#include "common/mutex.h"
#include "wire/frame.h"

namespace msgproc::client {

// A MessageStream over one ProcessCall after another. ConnectionState decides;
// this class tells it what happens, holds its lock, and does what it says with
// no lock held.
//
// Threads. Callers' threads send; gRPC's read, write and deliver; the timers'
// thread connects, keeps silence from growing long, and tells the end when no
// call does.
class ReconnectingStream final : public MessageStream,
                                 private ProcessCall::Listener,
                                 private CompletionMarker {
 public:
  // Connects in the background. The options are checked already. `kept`: what
  // an outbox has of the session, null without one; not needed any more when
  // the constructor has returned.
  ReconnectingStream(MessageStreamOptions options,
                     std::unique_ptr<AddressSource> source,
                     const KeptSession* kept = nullptr);
  ~ReconnectingStream() override;

  absl::Status WaitUntilConnected(absl::Duration timeout) override;
  absl::StatusOr<uint64_t> Send(absl::string_view payload,
                                absl::Span<const wire::HeaderView> headers,
                                absl::Duration timeout) override;
  absl::StatusOr<SentBatch> TrySendBatch(
      absl::Span<const absl::string_view> payloads) override;
  absl::Status Close(absl::Duration timeout) override;
  void Cancel() override;
  uint64_t outstanding() const override;
  uint64_t next_sequence() const override;

  // The outbox has come so far.
  void OnKept(const KeptThrough& kept);
  // Ends the stream with this status, not OK, unless it has ended.
  void Fail(const absl::Status& why);

 private:
  using Role = ConnectionState::Role;
  using Action = ConnectionState::Action;

  // What is to be done next, and with which call: it holds its channel, which
  // must not be let go on a thread of gRPC.
  struct Step {
    Action action;
    ProcessCall* call = nullptr;
    std::shared_ptr<ProcessCall> to_cancel;
  };

  // What comes from the call, and from the timer.
  void OnFrame() override;
  void OnReadEnded() override;
  void OnWritten(bool ok) override;
  void OnEnded(const grpc::Status& status) override;
  void OnReached() override;
  void OnTimer();
  void OnLocated(absl::StatusOr<std::string> address);

  template <typename Tell>
  void React(Role role, const Tell& tell);
  Step Decide(Role* role) MSGPROC_REQUIRES(mutex_);
  // Does it, and what comes after it, until there is nothing to do. The stream
  // may be gone when it returns.
  void Run(Role role, Step step);
  void Perform(const Step& step);
  void Connect();
  void Write(ProcessCall* call);
  void DeliverOnThread();

  absl::StatusOr<uint64_t> WaitToAppend(
      absl::string_view payload, absl::Span<const wire::HeaderView> headers,
      absl::Duration timeout) MSGPROC_REQUIRES(mutex_);
  absl::Status WindowFull() const MSGPROC_REQUIRES(mutex_);

  const MessageStreamOptions options_;

  mutable Mutex mutex_;
  CondVar changed_;  // Room, a server's answer, the end.
  int waiting_ MSGPROC_GUARDED_BY(mutex_) = 0;  // Threads, for changed_.
  ConnectionState state_ MSGPROC_GUARDED_BY(mutex_);
  // The present call, or the last one. Null for a moment in Connect.
  std::shared_ptr<ProcessCall> call_ MSGPROC_GUARDED_BY(mutex_);

  // Each part belongs to who was told to use it.
  ConnectionState::Output output_;
  Delivery delivery_;

  // Last: nothing calls back once these are gone.
  Connector connector_;
  Timer timer_;
  std::unique_ptr<TokenSource> token_source_;  // Null: no tokens.
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_RECONNECTING_STREAM_H_
