#ifndef MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_STATE_H_
#define MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_STATE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/state_dump.h"
#include "wire/gatherer.h"

namespace msgproc::processor {

// Decides what one stream of the permanent socket does next: when to read, to
// write, to wait for more, and when to give its status.
//
//               OnOpened           half-close, violation
//   kOpening ──────────────▶ kOpen ──────────────────────▶ kAnswering
//      │                       │                               │
//      │ violation             │ taken over, broken, stopped   │ all answered
//      ├──▶ kAnswering         ▼                               ▼ and written
//      └─────────────────▶ kCutting ───no write in flight──▶ kFinished
//
// kAnswering reads nothing more, writes the results of everything accepted, and
// then the status; kCutting writes no results. (From kAnswering a stream can
// still be cut.)
//
// One read is in flight, except while an anonymous session is at its limit, and
// none begins once the stream is ending. One write is in flight; what becomes
// ready meanwhile travels together in the next one, and so does what frames
// bring that have come already (wire::Gatherer). The status is given only when
// no write and no marker is in flight and no read is about to be started, since
// nothing of gRPC's may be called after that.
//
// Its owner tells it what has happened, asks NextActions, and does what that
// says. Pure: no gRPC, no threads, times are handed in. Not thread-safe.
class StreamState {
 public:
  enum class Phase { kOpening, kOpen, kAnswering, kCutting, kFinished };

  // Why a stream ends.
  enum class End {
    kHalfClose,  // The client has said everything.
    kViolation,  // The client broke a rule: the status says which.
    kStopped,    // The server gives it up, or stops itself.
    kTakenOver,  // Another stream has its session.
    kBroken,     // Nobody is there any more.
  };

  // What there is to write, as its session gives it.
  struct Supply {
    uint64_t results = 0;
    // Everything accepted was answered, and is in these results or was before.
    bool all_taken = true;
  };

  // What to do now, in this order.
  struct Actions {
    bool write = false;   // TakeHead, then the results that were supplied.
    bool read = false;    // Call OnReadStarted when it is started.
    bool mark = false;    // Post the marker.
    bool finish = false;  // Give status().
  };

  // What a client that keeps to rule 6 of the proto takes for an
  // acknowledgement, and again for its way.
  static constexpr absl::Duration kMostStarving = absl::Seconds(2);

  // `patience`: how long a client may be silent, or not read. `aged_at`: when a
  // session that can be resumed elsewhere is to be told to go.
  StreamState(absl::Duration patience, absl::Time now,
              absl::Time aged_at = absl::InfiniteFuture());

  // What has happened. Ask NextActions after each.

  // A frame has come; OnProcessed follows. False: it is of no interest.
  [[nodiscard]] bool OnRead(absl::Time now);
  // The first request has found its session. `head`: what goes in front of
  // everything else, encoded. Part of processing a frame.
  void OnOpened(bool anonymous, absl::string_view head);
  // The session of the frame is to be claimed, on another thread: the stream
  // does not finish before OnProcessed. Part of processing a frame. False: it
  // has finished, and nothing is to be claimed; OnProcessed does not follow.
  [[nodiscard]] bool OnClaiming();
  // Until when the client's credentials hold. Part of processing a frame.
  void OnCredentials(absl::Time expire_at) { credentials_expire_ = expire_at; }
  // The frame is answered even if there is no result: a heartbeat, for one.
  // `head`: what is to be said, encoded; may be empty. Part of processing a
  // frame.
  void OnAnswered(absl::string_view head);
  // The frame was dealt with: it had so many messages and bytes. `status`: of
  // what it broke; ABORTED where another stream has the session. Returns what
  // OnEnd does.
  [[nodiscard]] bool OnProcessed(size_t messages, size_t bytes,
                                 const absl::Status& status);
  void OnWritten();
  // The read that NextActions asked for is started. Returns whether to ask
  // NextActions.
  [[nodiscard]] bool OnReadStarted();
  void OnMarkerReached();
  // There are results, and others about to come that are worth waiting for.
  // Returns whether to post the marker; do not ask NextActions before that is
  // reached.
  [[nodiscard]] bool GatherResults();
  // Returns whether nothing will be acknowledged any more though results are
  // still wanted: tell the session, then ask NextActions.
  [[nodiscard]] bool OnEnd(End end, absl::Status status);
  // The call is cancelled by this server. What breaks after it is not news.
  void OnCancelling() { cancelling_ = true; }

  // Puts an encoded Drain in front of the next write. `why`, a word, must live
  // as long as the program. False: the client was told before, or the stream is
  // ending.
  [[nodiscard]] bool Drain(absl::string_view encoded, absl::string_view why);

  // Decides. `at_limit`: whether the session wants nothing to be read for now.
  // `take`: takes results from the session, to be written at once; asked at
  // most once, and only when a write may begin.
  Actions NextActions(absl::Time now, absl::FunctionRef<bool()> at_limit,
                      absl::FunctionRef<Supply()> take);

  // The head of the write that was just decided.
  std::string TakeHead();

  // Whether the client has not taken the last that was written.
  bool write_in_flight() const { return write_in_flight_; }
  // Whether nothing is read for now: to be asked again by NextActions, as soon
  // as the session may want more.
  bool withheld() const { return withheld_; }

  // What patience has run out, if any.
  enum class Verdict {
    kPatient,
    kUnread,      // The client takes nothing: cancel the call.
    kSilent,      // The client says nothing: end the stream.
    kStarved,     // There is no memory to read it: end the stream.
    kExpired,     // Its credentials hold no more: end the stream.
    kUnfinished,  // The client does not take the status: cancel the call.
    kAged,        // The stream is old enough: Drain.
  };
  // `starves`: the session wants nothing to be read though an acknowledgement
  // may be waiting, which the next stream's Open can bring.
  Verdict OnTick(absl::Time now, bool starves = false) const;
  // What a client is told that is given up: not kPatient, not kAged.
  static std::string Reproach(Verdict verdict, absl::Duration patience);
  // Whether the call has to be cancelled: what nobody reads does not end by
  // itself.
  static bool MustCancel(Verdict verdict) {
    return verdict == Verdict::kUnread || verdict == Verdict::kUnfinished;
  }
  // When to call OnTick next: nothing runs out before.
  absl::Time NextTick(absl::Time now) const;

  // Whether the client was told to go elsewhere.
  bool drain_sent() const { return drain_sent_; }

  Phase phase() const { return phase_; }
  const absl::Status& status() const { return status_; }
  // Why it ended, for people: what the status says; of a client that left as it
  // was told, the Drain's word; of one that left by itself, "goodbye".
  absl::string_view Why() const;
  // Whether it carries a session that can be resumed elsewhere, and was not
  // told to drain.
  bool CanMove() const {
    return phase_ == Phase::kOpen && !anonymous_ && !drain_sent_;
  }

  StateDump Dump(absl::Time now) const;

 private:
  // Not ending.
  bool Live() const { return phase_ <= Phase::kOpen; }
  // Ends, and nobody listens.
  bool Deaf() const {
    return !Live() && (end_ == End::kBroken || end_ == End::kTakenOver);
  }
  // Whether silence counts: the clients of sessions send heartbeats. They are
  // not heard while nothing is read.
  bool MustSpeak() const {
    return phase_ == Phase::kOpen && !anonymous_ && !withheld_;
  }
  // Whether the client, which writes and so sends no heartbeats, is about to
  // take this server for dead, since results are long in coming.
  bool FearsSilence() const;
  bool MayRead(absl::FunctionRef<bool()> at_limit) const;
  void DecideWrite(absl::Time now, absl::FunctionRef<Supply()> take,
                   Actions* actions);
  void CheckInvariants() const;
  void ChangePhase(Phase to, absl::string_view why);

  const absl::Duration patience_;
  const absl::Time aged_at_;

  Phase phase_ = Phase::kOpening;
  End end_ = End::kHalfClose;  // Of a stream that is ending.
  absl::Status status_;
  bool anonymous_ = false;
  bool cancelling_ = false;
  bool drain_sent_ = false;
  absl::string_view drained_for_;

  // The first read is started with the stream.
  bool read_in_flight_ = true;
  // Threads that are about to start a read, or to say that they have: what one
  // of them has started may be over before it says so.
  int reads_starting_ = 0;
  bool finish_waits_ = false;  // For reads_starting_.
  bool processing_ = false;
  bool claiming_ = false;
  bool write_in_flight_ = false;
  // Nothing is read, since the session wants nothing.
  bool withheld_ = false;
  wire::Gatherer gatherer_;
  size_t gathered_messages_ = 0;
  size_t gathered_bytes_ = 0;
  bool owes_response_ = false;
  std::string head_;

  absl::Time heard_;
  absl::Time withheld_since_;  // Where withheld_.
  absl::Time credentials_expire_ = absl::InfiniteFuture();
  absl::Time write_started_;
  absl::Time finished_at_;
};

absl::string_view PhaseName(StreamState::Phase phase);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STREAM_STREAM_STATE_H_
