#include "client/send_window.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "wire/entry.h"

namespace msgproc::client {
namespace {

// The most that `received_through` adds to a frame.
constexpr size_t kHeadBytes = 16;
// The most that encoding adds to a message and to each of its headers.
constexpr size_t kMessageOverhead = 32;
constexpr size_t kHeaderOverhead = 24;
// A window travels in a few frames where they are large enough: so that the
// server works on one while the other's results are received.
constexpr uint64_t kFramesPerWindow = 4;
constexpr uint64_t kSmallFrameMessages = 256;

// Whether a result of message `sequence`, where that of `due` should have come,
// is its second.
bool IsRepeat(uint64_t sequence, uint64_t due) {
  return sequence > 0 && sequence < due;
}

size_t HeaderBytes(absl::Span<const wire::HeaderView> headers) {
  size_t bytes = 0;
  for (const wire::HeaderView& header : headers) {
    bytes += header.key.size() + header.value.size();
  }
  return bytes;
}

}  // namespace

SendWindow::SendWindow(const WindowLimits& own) : own_(own) {
  server_.messages = wire::kMaxMessagesWithOpen;
  cursor_ = log_.At(1);
  UpdateLimits();
}

void SendWindow::GoOn(const KeptSession& kept) {
  MSGPROC_CHECK_EQ(log_.next_position(), 1u);
  MSGPROC_CHECK(!opened_);
  MSGPROC_CHECK(kept.welcomed || kept.received_through == 0);
  has_outbox_ = true;
  ended_ = false;
  welcomed_ = kept.welcomed;
  received_through_ = released_through_ = told_through_ = kept.received_through;
  log_.Reset(received_through_ + 1);
  std::vector<wire::HeaderView> headers;
  for (const KeptMessage& message : kept.messages) {
    headers.clear();
    for (const auto& [key, value] : message.headers) {
      headers.push_back({key, value});
    }
    wire::AppendMessage(&log_, log_.next_position(), message.payload, headers);
    window_.Push(message.payload.size() + HeaderBytes(headers));
  }
  cursor_ = log_.At(received_through_ + 1);
  // All of them may have been sent.
  given_through_ = welcomed_ ? kept.last_sequence() : 0;
  unkept_from_ = given_through_ + 1;
  CheckInvariants();
}

void SendWindow::OnKept(const KeptThrough& kept, absl::Time now) {
  MSGPROC_CHECK(has_outbox_);
  MSGPROC_CHECK_LE(unkept_from_, kept.messages + 1);
  unkept_from_ = kept.messages + 1;
  ended_ = kept.ended;
  if (kept.results > released_through_) Release(kept.results, now);
  CheckInvariants();
}

void SendWindow::UpdateLimits() {
  limits_.messages = std::min(own_.messages, server_.messages);
  limits_.bytes = std::min(own_.bytes, server_.bytes);
  const uint64_t frame = std::max<uint64_t>(limits_.messages / kFramesPerWindow,
                                            kSmallFrameMessages);
  limits_.batch_messages = std::max<uint64_t>(
      1, std::min({own_.batch_messages, server_.batch_messages, frame}));
}

uint64_t SendWindow::TryAppend(absl::string_view payload,
                               absl::Span<const wire::HeaderView> headers) {
  const size_t bytes = payload.size() + HeaderBytes(headers);
  if (!window_.Fits(bytes, limits_.messages, limits_.bytes)) return 0;
  // What goes along with Open is bound without exception.
  if (!welcomed_ && log_.bytes() + bytes + kMessageOverhead +
                            kHeaderOverhead * headers.size() >
                        wire::kMaxBytesWithOpen) {
    return 0;
  }
  const uint64_t sequence = log_.next_position();
  wire::AppendMessage(&log_, sequence, payload, headers);
  window_.Push(bytes);
  // Each message comes by here: NextFrame checks the invariants for them all.
  return sequence;
}

SendWindow::Frame SendWindow::OnOpen(std::vector<wire::Piece>* pieces) {
  if (!welcomed_) {
    // The very request again that the server may have read: it is recognised.
    if (!opened_) opened_with_ = unsent();
    opened_ = true;
    log_.Take(&cursor_, opened_with_, wire::kMaxFrameBytes, pieces);
    given_through_ = opened_with_;
  }
  received_at_open_ = received_through_;
  repeated_through_ = 0;
  Told();
  CheckInvariants();
  return {.messages = cursor_.position() - received_through_ - 1,
          .received_through = told_through_};
}

absl::Status SendWindow::OnWelcome(SessionState state,
                                   uint64_t accepted_through,
                                   const WindowLimits& server) {
  if (state == SessionState::kResumed) {
    if (accepted_through < received_through_) {
      return absl::InternalError(absl::StrCat(
          "the server says it accepted messages up to ", accepted_through,
          ", but results are received up to ", received_through_));
    }
    // Trying again would not help: the session is not this stream's alone.
    if (accepted_through > given_through_) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the server has accepted messages up to ", accepted_through,
          ", but this stream has sent them up to ", given_through_,
          ": another stream uses the session's id and token, or one did "
          "before this program was started again; open the stream with a new "
          "session_id, and send again what has no result"));
    }
    // What went along with Open needs no sending again.
    cursor_ = log_.At(std::max(cursor_.position(), accepted_through + 1));
  } else if (state != SessionState::kLost && received_through_ > 0) {
    return absl::InternalError(absl::StrCat(
        "the server began the session anew, though it was told that ",
        "results up to ", received_through_, " are received"));
  }
  welcomed_ = true;
  connected_ = true;
  server_ = server;
  server_.messages = std::max<uint64_t>(1, server_.messages);
  UpdateLimits();
  CheckInvariants();
  return absl::OkStatus();
}

uint64_t SendWindow::BudgetMessages() const {
  // Only after a change to a server with a smaller window than the last one's.
  const uint64_t given = cursor_.position() - 1 - released_through_;
  const uint64_t fitting = window_.Fitting(server_.messages, server_.bytes);
  return fitting - std::min(fitting, given);
}

SendWindow::Frame SendWindow::NextFrame(std::vector<wire::Piece>* pieces) {
  MSGPROC_CHECK(connected_);
  uint64_t messages = std::min(limits_.batch_messages, unsent());
  if (!FitsServersWindow()) messages = std::min(messages, BudgetMessages());
  const wire::EntryLog::Taken taken =
      log_.Take(&cursor_, messages, wire::kMaxFrameBytes - kHeadBytes, pieces);
  given_through_ = std::max(given_through_, cursor_.position() - 1);
  Told();
  CheckInvariants();
  return {.messages = taken.entries, .received_through = told_through_};
}

SendWindow::Frame SendWindow::Acknowledge() {
  Told();
  return {.messages = 0, .received_through = told_through_};
}

void SendWindow::Told() {
  told_through_ = released_through_;
  untold_bytes_ = 0;
  acknowledge_by_ = absl::InfiniteFuture();
}

absl::Status SendWindow::OutOfPlace(uint64_t sequence, uint64_t due) const {
  if (IsRepeat(sequence, due)) {
    return absl::InternalError(
        absl::StrCat("the server sent the result of message ", sequence,
                     " twice; that of ", due, " was due"));
  }
  return absl::InternalError(absl::StrCat(
      "the server sent a result of message ", sequence, " where that of ", due,
      " was due; messages are sent up to ", cursor_.position() - 1));
}

SendWindow::NewResults SendWindow::OnResults(
    absl::Span<const wire::ResultView> results, absl::Time now) {
  NewResults found;
  uint64_t received = received_through_;
  for (const wire::ResultView& result : results) {
    if (result.sequence == received + 1 &&
        result.sequence < cursor_.position()) {
      ++received;
      ++found.count;
      untold_bytes_ += result.window_bytes();
    } else if (received == received_at_open_ &&
               result.sequence <= received_at_open_ &&
               result.sequence > repeated_through_) {
      repeated_through_ = result.sequence;
      ++found.first;
    } else {
      found.status = OutOfPlace(result.sequence, received + 1);
      found.duplicate = IsRepeat(result.sequence, received + 1);
      break;
    }
  }
  if (found.count == 0) return found;
  received_through_ = received;
  if (!has_outbox_) Release(received, now);
  return found;
}

void SendWindow::Release(uint64_t through, absl::Time now) {
  MSGPROC_CHECK_LT(released_through_, through);
  MSGPROC_CHECK_LE(through, received_through_);
  window_.Pop(through - released_through_);
  log_.ReleaseThrough(through);
  released_through_ = through;
  CheckInvariants();
  const uint64_t untold = released_through_ - told_through_;
  if (untold >= std::max<uint64_t>(1, server_.messages / 2) ||
      untold_bytes_ >= std::max<uint64_t>(1, server_.bytes / 2)) {
    acknowledge_by_ = absl::InfinitePast();
  } else {
    acknowledge_by_ = std::min(acknowledge_by_, now + kAcknowledgeAfter);
  }
}

void SendWindow::OnDisconnected() {
  connected_ = false;
  acknowledge_by_ = absl::InfiniteFuture();
  cursor_ = log_.At(received_through_ + 1);
  CheckInvariants();
}

void SendWindow::CheckInvariants() const {
  MSGPROC_CHECK_LE(told_through_, released_through_);
  MSGPROC_CHECK_LE(released_through_, received_through_);
  MSGPROC_CHECK_LE(received_through_, given_through_);
  MSGPROC_CHECK_LT(received_through_, cursor_.position());
  MSGPROC_CHECK_LE(cursor_.position(), log_.next_position());
  MSGPROC_CHECK_LE(cursor_.position(), unkept_from_);
  MSGPROC_CHECK_LT(given_through_, log_.next_position());
  MSGPROC_CHECK_EQ(window_.messages(),
                   log_.next_position() - 1 - released_through_);
}

}  // namespace msgproc::client
