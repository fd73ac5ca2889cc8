#ifndef MSGPROC_CLIENT_RECONNECTING_STREAM_H_
#define MSGPROC_CLIENT_RECONNECTING_STREAM_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/address_source.h"
#include "client/message_stream.h"
#include "client/process_call.h"
#include "client/reconnect_policy.h"
#include "client/session.h"
#include "client/timer.h"
#include "common/completion_marker.h"
#include "common/mutex.h"
#include "grpcpp/channel.h"
#include "proto/wire/byte_buffer.h"
#include "proto/wire/frame.h"
#include "proto/wire/gather_policy.h"

namespace msgproc::client {

// A MessageStream over one ProcessCall after another. Session decides what is
// said, ReconnectPolicy when to connect, AddressSource where; this class
// carries it out: it holds the lock, runs the callbacks and owns the call.
//
//   kWaiting ──time──▶ kLocating ──address──▶ kCalling ──┐
//      ▲  └── the same address, or Drain's ──────▲       │ call ended
//      └─────────────────────────────────────────────────┤
//                                        kEnded ◀────────┘
//
// (From kWaiting and kLocating, too: Cancel, Close, giving up.)
//
// Threads. Callers' threads send; gRPC's read, write and deliver; the timers'
// thread connects, keeps silence from growing long, and tells the end when no
// call does. Whoever finds something to deliver while nobody delivers does it
// (`delivering_`), so callbacks come one at a time and in order; whoever finds
// something to write while no write is in flight writes it (`writing_`). No
// lock is held across a call of gRPC or of the user.
class ReconnectingStream final : public MessageStream,
                                 private ProcessCall::Listener,
                                 private CompletionMarker {
 public:
  // Connects in the background. The options are checked already.
  ReconnectingStream(MessageStreamOptions options,
                     std::unique_ptr<AddressSource> source);
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

 private:
  enum class Phase { kWaiting, kLocating, kCalling, kEnded };

  // What comes from the call, and from the timer.
  void OnFrame() override;
  void OnReadEnded() override;
  void OnWritten(bool ok) override;
  void OnEnded(const grpc::Status& status) override;
  void OnReached() override;
  void OnTimer();
  void OnLocated(absl::StatusOr<std::string> address);

  // These let go of the lock meanwhile.
  void Proceed() MSGPROC_REQUIRES(mutex_);
  void Connect() MSGPROC_REQUIRES(mutex_);
  // False: there was nothing to write, or a write is in flight.
  bool WriteNext() MSGPROC_REQUIRES(mutex_);
  void PostMarker() MSGPROC_REQUIRES(mutex_);
  void Break(absl::Status why) MSGPROC_REQUIRES(mutex_);
  // Breaks, and tells why.
  void OnViolation(absl::Status how, bool duplicate) MSGPROC_REQUIRES(mutex_);
  void Deliver() MSGPROC_REQUIRES(mutex_);
  // On a thread of its own: callbacks may take their time, and the timer's
  // thread is there for all streams. Only where there is no call: at the end.
  void DeliverApart() MSGPROC_REQUIRES(mutex_);
  void DeliverEvent() MSGPROC_REQUIRES(mutex_);
  void DeliverFrame() MSGPROC_REQUIRES(mutex_);
  void DeliverParsed() MSGPROC_REQUIRES(mutex_);
  void DeliverResults(const Session::Heard& heard) MSGPROC_REQUIRES(mutex_);
  void GiveTogether(absl::Span<const wire::ResultView> views) const;
  // The last thing that a reaction does: lets go of the lock, and of the call
  // when that is over. The stream may be gone when it returns.
  void Leave() MSGPROC_RELEASE(mutex_);

  absl::StatusOr<uint64_t> WaitToAppend(
      absl::string_view payload, absl::Span<const wire::HeaderView> headers,
      absl::Duration timeout) MSGPROC_REQUIRES(mutex_);
  bool MaySend(absl::string_view payload) const MSGPROC_REQUIRES(mutex_);
  absl::Status WhyNotSend(absl::string_view payload) const
      MSGPROC_REQUIRES(mutex_);
  absl::Status WindowFull() const MSGPROC_REQUIRES(mutex_);
  // Sees to it that what was appended leaves.
  void OnAppended() MSGPROC_REQUIRES(mutex_);
  std::string LastFailure() const MSGPROC_REQUIRES(mutex_);
  // The call, or the attempt at one, ended: what comes after it.
  void Retry(absl::Status why, bool moved) MSGPROC_REQUIRES(mutex_);
  bool MayRetry(const absl::Status& status) const;
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
  int waiting_ MSGPROC_GUARDED_BY(mutex_) = 0;  // Threads, for changed_.
  Session session_ MSGPROC_GUARDED_BY(mutex_);
  ReconnectPolicy policy_ MSGPROC_GUARDED_BY(mutex_);
  Phase phase_ MSGPROC_GUARDED_BY(mutex_) = Phase::kWaiting;
  bool closing_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool cancelled_ MSGPROC_GUARDED_BY(mutex_) = false;
  absl::Status status_ MSGPROC_GUARDED_BY(mutex_);        // Once kEnded.
  absl::Status last_failure_ MSGPROC_GUARDED_BY(mutex_);  // To connect.

  // Delivery.
  std::deque<StreamEvent> events_ MSGPROC_GUARDED_BY(mutex_);
  bool frame_waiting_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool delivering_ MSGPROC_GUARDED_BY(mutex_) = false;
  uint64_t delivered_ MSGPROC_GUARDED_BY(mutex_) = 0;
  // Gathering: what callbacks sent waits for the marker, or for the next frame,
  // to tell whether more is to be sent along.
  wire::GatherPolicy gather_policy_ MSGPROC_GUARDED_BY(mutex_);
  bool gathering_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool marker_in_flight_ MSGPROC_GUARDED_BY(mutex_) = false;
  int reaching_ MSGPROC_GUARDED_BY(mutex_) = 0;  // Threads in OnReached.
  uint64_t frames_ MSGPROC_GUARDED_BY(mutex_) = 0;
  uint64_t frames_at_marker_ MSGPROC_GUARDED_BY(mutex_) = 0;
  size_t gathered_bytes_ MSGPROC_GUARDED_BY(mutex_) = 0;  // Of results.
  wire::FlatFrame flat_;  // These two belong to who set delivering_.
  wire::ResponseFrame frame_;

  // Where to connect.
  absl::Time connect_at_ MSGPROC_GUARDED_BY(mutex_);
  std::string address_ MSGPROC_GUARDED_BY(mutex_);
  bool located_ MSGPROC_GUARDED_BY(mutex_) = false;  // address_ is next.
  std::vector<std::string> failed_ MSGPROC_GUARDED_BY(mutex_);

  // The present call, or the last one: it holds its channel, which must not be
  // let go on a thread of gRPC. Null for a moment in Connect.
  std::shared_ptr<ProcessCall> call_ MSGPROC_GUARDED_BY(mutex_);
  std::string server_id_ MSGPROC_GUARDED_BY(mutex_);
  bool writing_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool waits_for_write_ MSGPROC_GUARDED_BY(mutex_) = false;  // See Send.
  bool write_ended_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool read_ended_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool released_ MSGPROC_GUARDED_BY(mutex_) = false;
  absl::Status broken_ MSGPROC_GUARDED_BY(mutex_);  // Why we gave it up.
  Session::Write write_;  // Belongs to who set writing_.

  absl::Time timer_at_ MSGPROC_GUARDED_BY(mutex_) = absl::InfiniteFuture();

  // Last: nothing calls back once these are gone.
  std::unique_ptr<AddressSource> source_;
  Timer timer_;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_RECONNECTING_STREAM_H_
