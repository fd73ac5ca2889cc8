#ifndef MSGPROC_CLIENT_RECONNECTING_STREAM_H_
#define MSGPROC_CLIENT_RECONNECTING_STREAM_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/message_stream.h"
#include "client/process_call.h"
#include "client/reconnect_policy.h"
#include "client/session.h"
#include "client/timer.h"
#include "common/mutex.h"
#include "grpcpp/channel.h"
#include "proto/wire/byte_buffer.h"
#include "proto/wire/frame.h"

namespace msgproc::client {

// A MessageStream over one ProcessCall after another. Session decides what is
// said, ReconnectPolicy when to connect; this class carries it out: it holds
// the lock, runs the callbacks, and owns the call.
//
//   kWaiting ──timer──▶ kCalling ──call ended──▶ kWaiting ... ──▶ kEnded
//
// Threads. Callers' threads send; gRPC's read, write and deliver; the timers'
// thread connects and keeps silence from growing long. Whoever finds something
// to deliver while nobody delivers does it (`delivering_`), so callbacks come
// one at a time and in order; whoever finds something to write while no write
// is in flight writes it (`writing_`). No lock is held across a call of gRPC or
// of the user.
class ReconnectingStream final : public MessageStream,
                                 private ProcessCall::Listener {
 public:
  explicit ReconnectingStream(MessageStreamOptions options);
  ~ReconnectingStream() override;

  absl::Status WaitUntilConnected(absl::Duration timeout) override;
  absl::StatusOr<uint64_t> Send(absl::string_view payload,
                                absl::Span<const wire::HeaderView> headers,
                                absl::Duration timeout) override;
  absl::Status Close(absl::Duration timeout) override;
  void Cancel() override;
  uint64_t outstanding() const override;

 private:
  enum class Phase { kWaiting, kCalling, kEnded };

  void OnFrame() override;
  void OnReadEnded() override;
  void OnWritten(bool ok) override;
  void OnEnded(const grpc::Status& status) override;
  void OnTimer();

  // These let go of the lock meanwhile.
  void Connect() MSGPROC_REQUIRES(mutex_);
  void WriteNext() MSGPROC_REQUIRES(mutex_);
  void Break(absl::Status why) MSGPROC_REQUIRES(mutex_);
  void Deliver() MSGPROC_REQUIRES(mutex_);
  void DeliverEvents() MSGPROC_REQUIRES(mutex_);
  void DeliverFrame() MSGPROC_REQUIRES(mutex_);
  // The last thing that a reaction does: lets go of the lock, and of the call
  // when that is over. The stream may be gone when it returns.
  void Leave() MSGPROC_RELEASE(mutex_);

  absl::StatusOr<uint64_t> Wait(absl::string_view payload,
                                absl::Span<const wire::HeaderView> headers,
                                absl::Duration timeout)
      MSGPROC_REQUIRES(mutex_);
  absl::Status CannotSend(absl::string_view payload) const
      MSGPROC_REQUIRES(mutex_);
  void AddEvent(StreamEvent::Kind kind, absl::Status status)
      MSGPROC_REQUIRES(mutex_);
  void End(absl::Status status) MSGPROC_REQUIRES(mutex_);
  void SetTimer() MSGPROC_REQUIRES(mutex_);
  // Whether nothing follows any more, no callback either.
  bool Finished() const MSGPROC_REQUIRES(mutex_) {
    return phase_ == Phase::kEnded && events_.empty() && !delivering_;
  }

  const MessageStreamOptions options_;

  mutable Mutex mutex_;
  CondVar changed_;  // Room, a server's answer, the end.
  int waiting_ MSGPROC_GUARDED_BY(mutex_) = 0;
  Session session_ MSGPROC_GUARDED_BY(mutex_);
  ReconnectPolicy policy_ MSGPROC_GUARDED_BY(mutex_);
  Phase phase_ MSGPROC_GUARDED_BY(mutex_) = Phase::kWaiting;
  bool closing_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool cancelled_ MSGPROC_GUARDED_BY(mutex_) = false;
  absl::Status status_ MSGPROC_GUARDED_BY(mutex_);        // Once kEnded.
  absl::Status last_failure_ MSGPROC_GUARDED_BY(mutex_);  // Of an attempt.
  std::deque<StreamEvent> events_ MSGPROC_GUARDED_BY(mutex_);
  uint64_t delivered_through_ MSGPROC_GUARDED_BY(mutex_) = 0;
  bool delivering_ MSGPROC_GUARDED_BY(mutex_) = false;

  // The present call, or the last one: it holds its channel, which must not be
  // let go on a thread of gRPC.
  std::shared_ptr<ProcessCall> call_ MSGPROC_GUARDED_BY(mutex_);
  bool writing_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool frame_waiting_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool read_ended_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool broken_ MSGPROC_GUARDED_BY(mutex_) = false;  // Nothing more to write.
  bool released_ MSGPROC_GUARDED_BY(mutex_) = false;
  absl::Status broken_why_ MSGPROC_GUARDED_BY(mutex_);
  std::string address_ MSGPROC_GUARDED_BY(mutex_);
  std::string server_id_ MSGPROC_GUARDED_BY(mutex_);

  absl::Time connect_at_ MSGPROC_GUARDED_BY(mutex_);
  absl::Time timer_at_ MSGPROC_GUARDED_BY(mutex_) = absl::InfiniteFuture();

  Session::Write write_;  // Belongs to who set writing_.
  wire::FlatFrame flat_;  // These belong to who set delivering_.
  wire::ResponseFrame frame_;

  Timer timer_;  // Last: nothing calls back once it is gone.
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_RECONNECTING_STREAM_H_
