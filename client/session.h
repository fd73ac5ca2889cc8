#ifndef MSGPROC_CLIENT_SESSION_H_
#define MSGPROC_CLIENT_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/kept_session.h"
#include "client/send_window.h"
#include "wire/frame.h"

namespace msgproc::client {

// The client's end of a session: what to write next, what to make of what was
// read, when to speak although there is nothing to say, and when to give a
// connection up. It lives over one connection after another; on each of them:
//
//   kDetached ──OnOpen──▶ kOpening ──Welcome──▶ kOpen ──Drain──▶ kDraining
//                            └──── Drain, then Welcome ──────────────▲
//       ▲                                         │                  │
//       │                            closing, and all collected      │
//       collected │                                         ▼ ▼
//       └────────────OnDisconnected────────── kHalfClosed ◀──────────┘
//
// (OnDisconnected is possible from everywhere.)
//
// Pure: no threads, no gRPC, times are handed in. Not thread-safe.
class Session {
 public:
  enum class Phase { kDetached, kOpening, kOpen, kDraining, kHalfClosed };

  struct Options {
    // The encoded Open, but for what changes from one to the next.
    std::string open;
    // The session is to be kept in a store, or the stream ends.
    bool require_durable = false;
    // What an outbox has of it; null: there is none. Read by the constructor
    // only.
    const KeptSession* kept = nullptr;
    WindowLimits limits;
    absl::Duration connect_timeout = absl::Seconds(10);
  };

  // The next thing to write.
  struct Write {
    std::string head;  // What stands before the messages.
    std::vector<wire::Piece> messages;
    bool has_frame = false;
    bool half_close = false;  // After the frame, if there is one.
  };

  // What a frame said.
  struct Received {
    bool welcome = false;
    SessionState state = SessionState::kNew;
    std::string server_id;
    // New results: `count` of them from index `first` on.
    size_t first = 0;
    size_t count = 0;
    bool drain = false;  // Said once the server has sent Welcome, too.
    // INTERNAL: the server broke the protocol. FAILED_PRECONDITION: the session
    // is not this client's alone, or not kept in a store though it must be.
    // DATA_LOSS: it was, and is not any more. Break the connection; the results
    // above count nevertheless.
    absl::Status status;
    bool duplicate = false;  // It broke it with a message's second result.
  };

  explicit Session(const Options& options);

  // Takes a message and returns its sequence; 0: no room now.
  uint64_t TryAppend(absl::string_view payload,
                     absl::Span<const wire::HeaderView> headers) {
    return window_.TryAppend(payload, headers);
  }

  // A connection begins; `write` is its first. Its Open is numbered.
  void OnOpen(absl::Time now, Write* write);

  // What to write next, false: nothing. To be called when no write is in
  // flight; what it gives must be written.
  bool NextWrite(absl::Time now, Write* write);

  Received OnFrame(const wire::ResponseFrame& frame, absl::Time now);

  // The outbox has come so far: NextWrite may have something.
  void OnKept(const KeptThrough& kept, absl::Time now) {
    window_.OnKept(kept, now);
  }

  // The caller has been too busy to read: any silence is its own.
  void OnBusy(absl::Time now) { last_read_ = now; }

  // Not OK, UNAVAILABLE: the connection must be given up. Otherwise NextWrite
  // may have something.
  absl::Status OnTime(absl::Time now) const;
  // When to ask OnTime, which may give the connection up: up to 100 ms after
  // that is due, so that sockets opened one after another wake their process
  // together.
  absl::Time BreakTime() const;
  // When NextWrite will have something, unless it has before.
  absl::Time SpeakTime() const;
  // False: neither of them is before `time`. True: one may be. Costs much less
  // than they do, which round.
  bool MayBeDueBefore(absl::Time time) const;

  void OnDisconnected();

  // No more messages: half-close once all have their results.
  void Close() { closing_ = true; }

  // When a fresh token is wanted: well before the one in use expires.
  absl::Time RefreshTime() const {
    const bool open = phase_ == Phase::kOpen || phase_ == Phase::kDraining;
    return open ? refresh_at_ : absl::InfiniteFuture();
  }
  // There is one, for the next write.
  void Refresh(std::string token);
  // There is none yet; RefreshTime says when to try again.
  void OnNoToken(absl::Time now);

  Phase phase() const { return phase_; }
  const SendWindow& window() const { return window_; }
  uint64_t max_payload_bytes() const { return max_payload_bytes_; }
  // The store that has the session; empty: none.
  const std::string& store_generation() const { return store_generation_; }
  // Where Drain said to go.
  const std::string& drain_address() const { return drain_address_; }
  // Whether the server sent Drain, and no Welcome yet.
  bool refused_by_drain() const {
    return phase_ == Phase::kOpening && drained_early_;
  }

 private:
  absl::Status OnWelcome(absl::string_view encoded, absl::Time now,
                         Received* received);
  absl::Status OnDrain(absl::string_view encoded, absl::Time now,
                       Received* received);
  // Whether nothing more will be sent on this connection.
  bool Finished() const;
  // BreakTime before it is rounded up.
  absl::Time ExactBreakTime() const;
  // When the next heartbeat is due, unless something is written before.
  absl::Time HeartbeatTime() const;
  void PutReceived(uint64_t received_through, Write* write) const;
  void PutOpen(Write* write) const;
  void OnTokenExpiresIn(absl::Duration left, absl::Time now);
  // Whether the server has sent the client away and owes it nothing.
  bool LeftInOrder() const;

  absl::Status CheckDurability(bool stored, absl::string_view generation) const;

  const std::string open_;
  const bool require_durable_;
  const absl::Duration connect_timeout_;
  SendWindow window_;
  Phase phase_ = Phase::kDetached;
  bool closing_ = false;
  uint64_t max_payload_bytes_ = UINT64_MAX;
  uint64_t attempts_ = 0;
  // Once welcomed; and the store that has the session, empty: none.
  bool welcomed_ = false;
  std::string store_generation_;
  // The reason of the Drain that the client left a server for, until another
  // has sent Welcome.
  int moved_for_ = 0;

  // Of the present connection.
  absl::Duration heartbeat_interval_ = absl::InfiniteDuration();
  // How long the server may be silent: several of them.
  absl::Duration patience_ = absl::InfiniteDuration();
  absl::Time opened_;
  absl::Time last_written_;
  absl::Time last_read_;
  absl::Time end_by_ = absl::InfiniteFuture();  // Drained, or half-closed.
  std::string drain_address_;
  bool drained_early_ = false;  // Drain came before Welcome.
  absl::Time token_expires_ = absl::InfiniteFuture();
  absl::Time refresh_at_ = absl::InfiniteFuture();
  std::string refresh_token_;  // To be sent.
  int drain_reason_ = 0;
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_SESSION_H_
