#ifndef MSGPROC_CLIENT_SEND_WINDOW_H_
#define MSGPROC_CLIENT_SEND_WINDOW_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/kept_session.h"
#include "client/stream_event.h"
#include "wire/entry_log.h"
#include "wire/frame.h"
#include "wire/outstanding_window.h"

namespace msgproc::client {

// What may be outstanding (rule 6), and how much one frame may hold.
struct WindowLimits {
  uint64_t messages = UINT64_MAX;
  uint64_t bytes = UINT64_MAX;  // Payloads, header keys and header values.
  uint64_t batch_messages = UINT64_MAX;
};

// The messages of a session from Send until their results, over one connection
// after another: what the present connection was given, what has its result,
// and what the server has been told of that. The rules it keeps are those of
// processor.proto.
//
//   released   held, sent         held, not yet sent
//   ---------|------------------|---------------------|
//            received_through   cursor                next_sequence
//
// A new connection moves the cursor back, never `received_through`: so a result
// that was received over an earlier connection is known, and its message has
// left memory. On one connection no result comes twice.
//
// With an outbox a message is not sent before it is on disk, and does not leave
// the window, nor is the server told of its result, before it is gone from
// there: what a server has forgotten is not asked for after a crash.
//
// Holds at most what the limits allow. Pure: no threads, no clock of its own.
// Not thread-safe.
class SendWindow {
 public:
  // What NextFrame put together.
  struct Frame {
    uint64_t messages = 0;
    uint64_t received_through = 0;
  };

  // The new results of a frame: `count` of them from index `first` on.
  struct NewResults {
    size_t first = 0;
    size_t count = 0;
    // Not OK: the one behind them breaks the order.
    absl::Status status;
    // It does so as a second result of its message.
    bool duplicate = false;
  };

  // How long `received_through` may be kept from the server.
  static constexpr absl::Duration kAcknowledgeAfter = absl::Seconds(1);

  // `own`: the caller's limits; the server's bound them too once it has
  // answered, and until then those of rule 2.
  explicit SendWindow(const WindowLimits& own);

  // There is an outbox, which has this of the session. Before anything else.
  void GoOn(const KeptSession& kept);

  // The outbox has come so far.
  void OnKept(const KeptThrough& kept, absl::Time now);

  // Takes a message and returns its sequence; 0: no room now.
  uint64_t TryAppend(absl::string_view payload,
                     absl::Span<const wire::HeaderView> headers);

  // A connection begins. Appends to `pieces` the messages that go along with
  // its Open: the same ones as long as none was answered, none after that.
  Frame OnOpen(std::vector<wire::Piece>* pieces);

  // The server answered Open. INTERNAL: it makes no sense. FAILED_PRECONDITION:
  // someone else sends messages in this session, now or before.
  absl::Status OnWelcome(SessionState state, uint64_t accepted_through,
                         const WindowLimits& server);

  // Puts the next messages together, at most a frame's. Only while connected.
  // The frame must be written: it carries `received_through`.
  Frame NextFrame(std::vector<wire::Piece>* pieces);

  // A frame without messages. It must be written too.
  Frame Acknowledge();

  // A frame's results, in order. In front of a connection's first new result,
  // those that Open said are received are dropped; any other repeat is an
  // error.
  NewResults OnResults(absl::Span<const wire::ResultView> results,
                       absl::Time now);

  // The connection is gone.
  void OnDisconnected();

  // Whether messages wait and may be sent.
  bool CanSend() const {
    return connected_ && unsent() > 0 &&
           (FitsServersWindow() || BudgetMessages() > 0);
  }
  // Messages that the present connection was not given yet, and may be.
  uint64_t unsent() const {
    return std::min(log_.next_position(), unkept_from_) - cursor_.position();
  }
  // Whether they fill a frame.
  bool frame_full() const {
    return connected_ && unsent() >= limits_.batch_messages;
  }
  // When the server must be told `received_through`, if not before with
  // something else: the past when it is half a window behind.
  absl::Time acknowledge_by() const { return acknowledge_by_; }
  // Whether the server knows `received_through`.
  bool acknowledged() const { return told_through_ == received_through_; }

  bool connected() const { return connected_; }
  uint64_t received_through() const { return received_through_; }
  uint64_t next_sequence() const { return log_.next_position(); }
  // Messages without a result, or not gone from the outbox yet.
  uint64_t outstanding() const { return window_.messages(); }
  // Whether every message has its result, and the outbox knows that none
  // follows.
  bool drained() const { return window_.messages() == 0 && ended_; }
  // Whether every message that the present connection was given has its result.
  bool collected() const {
    return cursor_.position() == received_through_ + 1 && settled();
  }
  // Whether the server may be told of all that is received. No connection
  // begins before: what its Open says decides which message comes next.
  bool settled() const { return released_through_ == received_through_; }
  // What is held, for bounds.
  size_t held_bytes() const { return log_.bytes(); }

 private:
  // Whether all that is held fits the server's window.
  bool FitsServersWindow() const {
    return window_.messages() <= server_.messages &&
           window_.bytes() <= server_.bytes;
  }
  uint64_t BudgetMessages() const;
  // A result came where that of message `due` should have.
  absl::Status OutOfPlace(uint64_t sequence, uint64_t due) const;
  void UpdateLimits();
  // The server may be told of results up to here.
  void Release(uint64_t through, absl::Time now);
  // After each step.
  void CheckInvariants() const;
  void Told();

  const WindowLimits own_;
  WindowLimits server_;  // Of the last server that answered.
  WindowLimits limits_;  // The smaller of both.
  bool welcomed_ = false;
  bool connected_ = false;

  wire::EntryLog log_;
  wire::OutstandingWindow window_;  // Everything beyond released_through_.
  wire::EntryLog::Cursor cursor_;   // What the present connection gets next.
  uint64_t given_through_ = 0;      // The most any connection was given.
  uint64_t opened_with_ = 0;        // Messages along with the first Open.
  bool opened_ = false;

  uint64_t received_through_ = 0;
  uint64_t released_through_ = 0;  // The same where there is no outbox.
  bool has_outbox_ = false;
  uint64_t unkept_from_ = UINT64_MAX;  // Not to be sent yet.
  bool ended_ = true;
  // Of the present connection: what its Open said is received, and the last of
  // these that came again all the same.
  uint64_t received_at_open_ = 0;
  uint64_t repeated_through_ = 0;
  uint64_t told_through_ = 0;
  uint64_t untold_bytes_ = 0;  // Of results beyond told_through_.
  absl::Time acknowledge_by_ = absl::InfiniteFuture();
};

}  // namespace msgproc::client

#endif  // MSGPROC_CLIENT_SEND_WINDOW_H_
