#ifndef MSGPROC_CLIENT_CONNECTION_STATE_H_
#define MSGPROC_CLIENT_CONNECTION_STATE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/call_state.h"
#include "client/destination.h"
#include "client/kept_session.h"
#include "client/may_reconnect.h"
#include "client/reconnect_policy.h"
#include "client/session.h"
#include "client/stream_event.h"
#include "common/clock.h"
#include "wire/frame.h"
#include "wire/gatherer.h"

namespace msgproc::client {

// Decides what a MessageStream does next over one call after another: where and
// when to connect, what to write, what to deliver, when a call is given up and
// when the stream ends.
//
//   kWaiting ──time──▶ kLocating ──address──▶ kCalling ──┐
//     ▲│▲│  └── the same address, or Drain's ──────▲       │ call ended
//     │││└──token wanted──▶ kAuthorizing ──┐               │
//     ││└───────────────── there is one ───┘               │
//     │└──▶ kEnded                                         │
//     └────────────────────────────────────────────────────┘
//
// (kEnded also from kLocating and kAuthorizing: Cancel, Close, giving up.)
//
// Its owner tells it what has happened, asks NextAction for one action, lets go
// of its lock, does that, and asks again until there is nothing to do. Several
// threads may be at that at the same time, each in its Role; whoever finds
// something to deliver while nobody delivers does it, so callbacks come one at
// a time and in order; whoever finds something to write while no write is in
// flight writes it.
//
// Pure: no gRPC, no threads, an injected clock, random numbers handed in. Not
// thread-safe.
class ConnectionState {
 public:
  enum class Phase { kWaiting, kAuthorizing, kLocating, kCalling, kEnded };

  struct Options {
    Session::Options session;
    ReconnectPolicy::Options reconnect;
    // No other client has the session's token: who took the session over can
    // only be an older stream of our own, whose Open was long under way.
    bool own_token = true;
    // Whether to go where Drain says; others open their own target again.
    bool follows_drain = false;
    // Whether each call needs a token, and a fresh one before that expires.
    bool needs_token = false;
    // Outlives the state.
    const Clock* clock = Clock::Monotonic();
    // Uniform.
    std::function<uint64_t()> random;
    // Hears of each change of phase, for a trace. May be empty.
    std::function<void(Phase from, Phase to, absl::string_view why)> on_change;
  };

  // Who asks.
  enum class Role {
    kConnector,  // The timers' thread, and who makes the stream.
    kReader,     // What a call brings, and its end.
    kWriter,     // A write that is done.
    kMarker,     // A marker that was reached.
    kCaller,     // Who sends, closes or cancels.
    kDeliverer,  // Whom kDeliverOnThread has started.
  };

  struct Action {
    enum class Kind {
      kNone,        // Nothing for now.
      kFetchToken,  // Ask for a token. OnToken follows.
      kLocate,   // Ask where to connect, `failed` last, with `token`. OnLocated
                 // follows.
      kConnect,  // Make a call to `address` with `token`, OnCallMade, start it.
      kWrite,    // Write `write`. OnWritten follows.
      kCancel,   // Cancel the call.
      kMark,     // Post the marker. OnMarkerReached follows.
      kEvent,    // Call back with `event`.
      kParse,    // Parse what was read, then OnParsed.
      kResults,  // Call back with `count` results from `first` on, then
                 // OnDelivered.
      kRead,     // Read the next frame.
      kRelease,  // Nothing is started on the call any more: let go of it, and
                 // touch nothing behind that.
      kDeliverOnThread,  // Go on as kDeliverer on a thread of its own:
                         // callbacks may take their time, and the asking thread
                         // is there for all streams.
    };
    Kind kind = Kind::kNone;
    size_t first = 0;
    size_t count = 0;
  };

  // What some actions are about. Each part belongs to whom Next has given its
  // action, until that is done; `write` until OnWritten.
  struct Output {
    std::string address;
    std::string token;
    std::vector<std::string> failed;
    Session::Write write;
    StreamEvent event;
  };

  explicit ConnectionState(Options options);

  // What has happened. Ask NextAction after each, in the role that is named.

  void OnTime();  // kConnector
  // `address`: or why there is none. kCaller
  void OnLocated(absl::StatusOr<std::string> address);
  // `token`, not empty: or why there is none. kCaller
  void OnToken(absl::StatusOr<std::string> token);
  void OnFrame();                                   // kReader
  void OnReadEnded() { call_.OnReadEnded(); }       // kReader
  void OnWritten(bool ok) { call_.OnWritten(ok); }  // kWriter
  void OnMarkerReached() {                          // kMarker
    call_.OnMarkerReached();
    gatherer_.OnReached(/*processing=*/false);
    if (call_.read_ended()) gatherer_.Stop();
  }
  void OnCallEnded(absl::Status status);  // kReader
  void Close(bool inside);                // kCaller, unless `inside`
  // `why`: the stream's status, not OK. kCaller
  void Cancel(
      absl::Status why = absl::CancelledError("the stream was cancelled"));
  // The outbox has come so far. kCaller
  void OnKept(const KeptThrough& kept) {
    session_.OnKept(kept, Now());
    caller_waits_for_write_ = true;
    news_ = true;
    EndIfClosed();
  }

  // A message is to be sent: its sequence, or 0 where there is no room now.
  // Only where MaySend. Once all are in, OnAppended.
  uint64_t TryAppend(absl::string_view payload,
                     absl::Span<const wire::HeaderView> headers) {
    return session_.TryAppend(payload, headers);
  }
  // Whether to ask NextAction, as kCaller. `inside`: in a callback of this
  // stream, after which what was appended leaves together; what others send
  // must not wait for that.
  [[nodiscard]] bool OnAppended(bool inside);

  // What an action has come to. Ask NextAction after it, in the same role.

  // Fills in the first write of the new call, to be started with it. Whether
  // the call is to be cancelled.
  [[nodiscard]] bool OnCallMade(Session::Write* write);
  // `frame`: null where what was read is none; `bytes` of it.
  void OnParsed(const wire::ResponseFrame* frame, size_t bytes);
  void OnDelivered();

  // Decides. Who gets something to deliver is the kDeliverer until there is
  // nothing more.
  Action NextAction(Role* role, Output* output);

  // When to call OnTime, if that is sooner than was last returned.
  bool TakeAlarm(absl::Time* when) {
    *when = alarm_;
    return std::exchange(alarm_changed_, false);
  }
  // Whether somebody who waits should look again, since the last call.
  bool TakeNews() { return std::exchange(news_, false); }

  bool MaySend(absl::string_view payload) const {
    return !closing_ && cancelled_.ok() && phase_ != Phase::kEnded &&
           payload.size() <= session_.max_payload_bytes();
  }
  // Where MaySend is false.
  absl::Status WhyNotSend(absl::string_view payload) const;

  Phase phase() const { return phase_; }
  const Session& session() const { return session_; }
  // Once kEnded.
  const absl::Status& status() const { return status_; }
  const Destination& destination() const { return destination_; }
  // Results that callbacks have had.
  uint64_t delivered() const { return delivered_; }
  // Whether nothing follows any more, no callback either.
  bool Finished() const {
    return phase_ == Phase::kEnded && events_.empty() &&
           delivery_ == Delivery::kNobody;
  }

 private:
  // How far the thread has come that delivers.
  enum class Delivery {
    kNobody,    // There is none.
    kLooking,   // For something to do.
    kParsing,   // A frame.
    kWelcomed,  // Events of a frame, before its results.
    kResults,   // They are being delivered.
    kAnswered,  // What is to be written because of the frame, then the next.
  };

  absl::Time Now() const { return options_.clock->Now(); }
  Action NextDelivery(Output* output);
  Action NextConnection(Output* output);
  Action FetchToken() {
    if (std::exchange(fetching_token_, true)) return {};
    return {Action::Kind::kFetchToken};
  }
  // When a fresh token is to be fetched for the present call.
  absl::Time RefreshTime() const {
    return options_.needs_token && !fetching_token_ && call_.broken().ok()
               ? session_.RefreshTime()
               : absl::InfiniteFuture();
  }
  Action LastOf(Role role);
  bool MayTakeDelivery(Role role) const {
    return role == Role::kReader && delivery_ == Delivery::kNobody &&
           (!events_.empty() || frame_waiting_);
  }
  // Who delivers writes when done, so that what callbacks send leaves together.
  bool MayWrite(Role role) const {
    return role == Role::kConnector || caller_waits_for_write_ ||
           session_.window().frame_full() ||
           (delivery_ == Delivery::kNobody && !gatherer_.gathering());
  }
  bool DecideWrite(Output* output);
  void FinishFrame();
  void Retry(absl::Status why, bool moved);
  bool MayRetry(const absl::Status& status) const {
    return MayReconnect(status) ||
           (status.code() == absl::StatusCode::kAborted && options_.own_token);
  }
  void AddEvent(StreamEvent::Kind kind, absl::Status status) {
    StreamEvent& event = events_.emplace_back();
    event.kind = kind;
    event.server_id = server_id_;
    event.address = destination_.address();
    event.status = std::move(status);
  }
  void End(absl::Status status, absl::string_view why);
  void EndIfClosed() {
    if (closing_ && phase_ != Phase::kCalling && phase_ != Phase::kEnded &&
        session_.window().drained()) {
      End(absl::OkStatus(), "closed, and nothing is open");
    }
  }
  void ChangePhase(Phase to, absl::string_view why);
  void SetAlarm();

  const Options options_;
  Session session_;
  Destination destination_;
  Phase phase_ = Phase::kWaiting;
  bool closing_ = false;
  absl::Status cancelled_;  // Not OK: it is, and why.
  absl::Status status_;
  bool news_ = false;

  bool connecting_ = true;  // Whoever connects is to go on.
  bool fetching_token_ = false;
  // For the next call; empty: it has to be fetched, if one is needed.
  std::string token_;

  // Delivery.
  Delivery delivery_ = Delivery::kNobody;
  std::deque<StreamEvent> events_;
  bool frame_waiting_ = false;
  Session::Received received_;
  size_t frame_bytes_ = 0;
  uint64_t delivered_;

  // The present call.
  CallState call_;
  std::string server_id_;
  // What a caller appended was not written with its own call.
  bool caller_waits_for_write_ = false;
  wire::Gatherer gatherer_;
  size_t gathered_bytes_ = 0;  // Of results.

  absl::Time alarm_ = absl::InfiniteFuture();
  bool alarm_changed_ = false;
};

inline absl::string_view PhaseName(ConnectionState::Phase phase) {
  switch (phase) {
    case ConnectionState::Phase::kWaiting:
      return "waiting";
    case ConnectionState::Phase::kAuthorizing:
      return "authorizing";
    case ConnectionState::Phase::kLocating:
      return "locating";
    case ConnectionState::Phase::kCalling:
      return "calling";
    case ConnectionState::Phase::kEnded:
      return "ended";
  }
  return "";
}

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_CONNECTION_STATE_H_
