#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_PROCESS_REACTOR_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_PROCESS_REACTOR_H_

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/completion_marker.h"
#include "common/mutex.h"
#include "common/state_dump.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/server_callback.h"
#include "msgproc/v1/processor.pb.h"
#include "services/processor/session/hosted_session.h"
#include "services/processor/stream/call_canceller.h"
#include "services/processor/stream/processor_context.h"
#include "services/processor/stream/stream_input.h"
#include "services/processor/stream/stream_peer.h"
#include "services/processor/stream/stream_principal.h"
#include "services/processor/stream/stream_state.h"
#include "wire/entry_log.h"

namespace msgproc::processor {

// One stream of the permanent socket, from its first byte to its status: what
// carries out on gRPC what StreamState decides, whose header draws the states.
// `Advance` is the only place that starts a write or a read, or finishes.
//
// Owned by itself, until OnDone, and by the session it is attached to.
// Callbacks come from gRPC's threads; OnResultsReady, OnTakenOver, Drain, End
// and Tick from any. No lock is held across a call of gRPC.
class ProcessReactor final
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
      public AttachedStream,
      private CompletionMarker,
      public std::enable_shared_from_this<ProcessReactor> {
 public:
  using OnGone = std::function<void(const std::shared_ptr<ProcessReactor>&)>;

  // `processor` outlives it. A session that is still on it at the age of
  // `max_age` is told to go elsewhere. `on_gone` is the last that is called.
  // Call Start next.
  ProcessReactor(ProcessorContext* processor, grpc::CallbackServerContext* call,
                 absl::Duration max_age, OnGone on_gone);

  // Sends initial metadata and begins to read.
  void Start();

  // Tells the client to go elsewhere; at most once. False: told already, or the
  // stream is ending.
  bool Drain(v1::Drain::Reason reason, absl::string_view address,
             absl::Duration grace);

  // Ends the stream now, whatever is unfinished; it says UNAVAILABLE.
  void End(absl::string_view why) {
    EndStream(StreamState::End::kStopped,
              absl::UnavailableError(std::string(why)));
  }

  // Gives up a client that is silent or does not read, and drains a stream that
  // is old. To be called again at the time it returns, or within a second;
  // before that there is no reason to.
  absl::Time Tick(absl::Time now);

  // Ends the stream of a client that keys or rules do not let in any more.
  void Recheck();

  // Whether it carries a session that can be resumed elsewhere, and was not
  // told to drain.
  bool CanMove() {
    return Tell([](StreamState* state) { return state->CanMove(); });
  }

  // Whether it carries this session, and is not ending.
  bool Carries(const HostedSession& hosted) {
    return session().get() == &hosted && Tell([](StreamState* state) {
             return state->phase() == StreamState::Phase::kOpen;
           });
  }

  StreamState::Phase phase() {
    return Tell([](StreamState* state) { return state->phase(); });
  }

  // AttachedStream:
  void OnResultsReady(bool more) override;
  void OnTakenOver() override {
    EndStream(StreamState::End::kTakenOver,
              absl::AbortedError("Another stream took the session over."));
  }
  void AddDump(absl::Time now, std::vector<StateDump>* dumps) override {
    dumps->push_back(
        Tell([now](StreamState* state) { return state->Dump(now); }));
  }

  // grpc::ServerBidiReactor:
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override {
    EndStream(StreamState::End::kBroken, absl::CancelledError());
  }
  void OnDone() override;

 private:
  // What Advance has to do, once the lock is released.
  struct Step {
    StreamState::Actions actions;
    grpc::Status status;
    std::string why;
    // Detached from: its stream is at its end.
    std::shared_ptr<HostedSession> ended;
    bool sent_away = false;
    // Writing made room for more to be processed.
    std::shared_ptr<HostedSession> resumed;
  };

  // CompletionMarker:
  void OnReached() override;

  // Tells the machine what has happened, or asks it; then the lock is released.
  template <typename Event>
  std::invoke_result_t<Event, StreamState*> Tell(Event event)
      MSGPROC_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    return event(&state_);
  }
  std::shared_ptr<HostedSession> session() MSGPROC_EXCLUDES(mutex_) {
    MutexLock lock(&mutex_);
    return session_;
  }

  // A request was dealt with, or its session is to be claimed first.
  void Conclude(StreamInput::Outcome outcome);
  void OnCredentials() {
    const absl::Time end = processor_->clock()->Now() + principal_.TimeLeft();
    Tell([&](StreamState* state) { state->OnCredentials(end); });
  }
  void EndStream(StreamState::End end, absl::Status status);
  // It is not to be here: counted and logged.
  void EndRefused(absl::Status status) {
    processor_->Refuse(status, principal_.Get(), peer_);
    EndStream(StreamState::End::kStopped, std::move(status));
  }
  // The client waits for its results and cannot acknowledge them any more.
  void CloseInput() {
    if (const auto on = session()) on->CloseInput(this);
  }
  void GiveUp(StreamState::Verdict verdict);
  void Advance();
  Step Decide() MSGPROC_REQUIRES(mutex_);

  ProcessorContext* const processor_;
  grpc::CallbackServerContext* const call_;
  const OnGone on_gone_;
  const StreamPeer peer_;
  StreamPrincipal principal_;
  // One read's at a time.
  StreamInput input_;
  CallCanceller canceller_;

  // Touched only by the read that is in flight, and between reads.
  grpc::ByteBuffer read_buffer_;

  // What the write in flight sends; touched by Decide and by gRPC.
  grpc::ByteBuffer write_buffer_;

  Mutex mutex_;
  StreamState state_ MSGPROC_GUARDED_BY(mutex_);
  // Released in OnDone.
  std::shared_ptr<ProcessReactor> self_ MSGPROC_GUARDED_BY(mutex_);
  std::shared_ptr<HostedSession> session_ MSGPROC_GUARDED_BY(mutex_);
  std::vector<wire::Piece> pieces_ MSGPROC_GUARDED_BY(mutex_);
  // The session wants to know when the write in flight is done.
  bool write_told_ MSGPROC_GUARDED_BY(mutex_) = false;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_PROCESS_REACTOR_H_
