#ifndef MSGPROC_SERVICES_PROCESSOR_PROCESS_REACTOR_H_
#define MSGPROC_SERVICES_PROCESSOR_PROCESS_REACTOR_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/completion_marker.h"
#include "common/mutex.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "msgproc/v1/processor.pb.h"
#include "proto/wire/byte_buffer.h"
#include "proto/wire/frame.h"
#include "proto/wire/gather_policy.h"
#include "services/processor/hosted_session.h"
#include "services/processor/stream_host.h"

namespace msgproc::processor {

// One stream of the permanent socket, from its first byte to its status.
//
//             first request              half-close, all answered
//   [ kOpen ]───────────────►[ kOpen, ]──────────────────────────►[ finished ]
//       │                    [ session ]                              ▲ OnDone
//       │ malformed, wrong token …  │ violation: kFailed              │ deletes
//       ├───────────────────────────┤ taken over: kTakenOver          │
//       │                           │ broken: kBroken                 │
//       └──────────► results of everything accepted, then the status ─┘
//
// Reading: one read in flight, except while an anonymous session is at its
// limit, and none once the stream is ending. Writing: one write in flight; what
// becomes ready meanwhile goes out together in the next one, and so does what
// small frames that have come already bring (GatherPolicy): a marker behind the
// completions tells when there is no other. Results that others are about to
// follow are written from such a marker, too. `Advance` is the only place that
// decides to write or finish; it finishes only when no write and no marker is
// in flight and no read is about to be started, because nothing of gRPC's may
// be called after that.
//
// Owned by itself, until OnDone, and by the session it is attached to.
// Callbacks come from gRPC's threads; OnResultsReady, OnTakenOver, Drain, End
// and Tick from any. No lock is held across a call of gRPC.
class ProcessReactor final
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
      public Attachment,
      private CompletionMarker,
      public std::enable_shared_from_this<ProcessReactor> {
 public:
  // `host` outlives it. Call Start next.
  ProcessReactor(StreamHost* host, grpc::CallbackServerContext* context);

  // Sends initial metadata and begins to read.
  void Start();

  // Tells the client to go elsewhere; at most once. False: told already, or the
  // stream is ending.
  bool Drain(v1::Drain::Reason reason, absl::string_view address,
             absl::Duration grace);

  // Ends the stream now, whatever is unfinished; it says UNAVAILABLE.
  void End(absl::string_view why);

  // Gives up a client that is silent or does not read. To be called again at
  // the time it returns, or within a second; before that there is no reason to.
  absl::Time Tick(absl::Time now);

  // Whether it carries a session that can be resumed elsewhere, and was not
  // told to drain.
  bool CanMove();

  // Attachment:
  void OnResultsReady(bool more) override;
  void OnTakenOver() override;

  // grpc::ServerBidiReactor:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  friend class StreamHost;
  enum class Ending { kNone, kHalfClosed, kFailed, kTakenOver, kBroken };
  // What Advance has to do, once the lock is released.
  struct Actions {
    bool read = false;
    bool mark = false;
    bool write = false;
    bool finish = false;
    grpc::Status status;
    // Detached from: its stream is at its end.
    std::shared_ptr<HostedSession> ended;
    // Writing made room for more to be processed.
    std::shared_ptr<HostedSession> resumed;
  };

  // CompletionMarker:
  void OnReached() override;

  absl::Status OnRequest();
  void OnProcessed(bool succeeded, size_t messages, size_t bytes);
  absl::Status OnFirstRequest();
  absl::StatusOr<std::shared_ptr<HostedSession>> OpenSession(
      v1::ProcessResponse* response);
  absl::Status DropDuplicates(uint64_t accepted_through);
  void BeginEnding(Ending ending, absl::Status status, bool now);
  void Cancel(const std::string& why);
  void Advance();
  Actions Decide() MSGPROC_REQUIRES(mutex_);
  void DecideWrite(Actions* actions) MSGPROC_REQUIRES(mutex_);
  void MarkLocked() MSGPROC_REQUIRES(mutex_);
  bool MayRead() MSGPROC_REQUIRES(mutex_);
  void LogEnd(const Actions& actions);

  StreamHost* const host_;
  // When its Tick is due; guarded by the host's mutex.
  absl::Time look_at_ = absl::InfinitePast();
  grpc::CallbackServerContext* const context_;
  const std::string peer_;
  const std::string forwarded_for_;

  // Touched only by the read that is in flight, and between reads.
  grpc::ByteBuffer read_buffer_;
  wire::FlatFrame flat_;
  wire::RequestFrame frame_;
  bool first_request_ = true;

  // What the write in flight sends; touched by Decide and by gRPC.
  grpc::ByteBuffer write_buffer_;

  std::atomic<int64_t> last_heard_ns_;

  Mutex mutex_;
  // Lets go of itself in OnDone.
  std::shared_ptr<ProcessReactor> self_ MSGPROC_GUARDED_BY(mutex_);
  std::shared_ptr<HostedSession> session_ MSGPROC_GUARDED_BY(mutex_);
  Ending ending_ MSGPROC_GUARDED_BY(mutex_) = Ending::kNone;
  absl::Status end_status_ MSGPROC_GUARDED_BY(mutex_);
  // Ends without waiting for what is unfinished.
  bool end_now_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool finished_ MSGPROC_GUARDED_BY(mutex_) = false;
  absl::Time finished_at_ MSGPROC_GUARDED_BY(mutex_);
  bool read_in_flight_ MSGPROC_GUARDED_BY(mutex_) = true;
  // A thread is about to call StartRead; it looks after a finish that waits.
  bool read_starting_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool finish_waits_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool write_in_flight_ MSGPROC_GUARDED_BY(mutex_) = false;
  // Gathering: nothing is written until the marker, or another read, says so.
  wire::GatherPolicy gather_policy_ MSGPROC_GUARDED_BY(mutex_);
  bool gathering_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool marker_in_flight_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool marker_looks_ MSGPROC_GUARDED_BY(mutex_) = false;  // Or brings results.
  bool processing_ MSGPROC_GUARDED_BY(mutex_) = false;    // What was read.
  uint64_t reads_ MSGPROC_GUARDED_BY(mutex_) = 0;
  uint64_t reads_at_marker_ MSGPROC_GUARDED_BY(mutex_) = 0;
  size_t gathered_messages_ MSGPROC_GUARDED_BY(mutex_) = 0;
  size_t gathered_bytes_ MSGPROC_GUARDED_BY(mutex_) = 0;
  absl::Time write_started_ MSGPROC_GUARDED_BY(mutex_);
  bool owes_response_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool drain_sent_ MSGPROC_GUARDED_BY(mutex_) = false;
  // Encoded Welcome or Drain that goes in front of the next results.
  std::string head_ MSGPROC_GUARDED_BY(mutex_);
  std::vector<wire::Piece> pieces_ MSGPROC_GUARDED_BY(mutex_);
  // The call may be cancelled until it is done, and is not done meanwhile.
  bool cancelled_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool cancelling_ MSGPROC_GUARDED_BY(mutex_) = false;
  bool done_ MSGPROC_GUARDED_BY(mutex_) = false;
  CondVar cancel_returned_;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_PROCESS_REACTOR_H_
