#include "client/session.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "common/transition.h"
#include "msgproc/v1/processor.pb.h"
#include "wire/coding.h"
#include "wire/proto_duration.h"

namespace msgproc::client {
namespace {

constexpr uint32_t kOpenTag = wire::Tag(1, wire::WireType::kLengthDelimited);
constexpr uint32_t kAttemptTag = wire::Tag(6, wire::WireType::kVarint);
constexpr uint32_t kMovedForTag = wire::Tag(7, wire::WireType::kVarint);
constexpr uint32_t kResumesTag = wire::Tag(8, wire::WireType::kVarint);
constexpr uint32_t kStoreGenerationTag =
    wire::Tag(9, wire::WireType::kLengthDelimited);
constexpr uint32_t kReceivedTag = wire::Tag(3, wire::WireType::kVarint);
constexpr uint32_t kRefreshTag = wire::Tag(4, wire::WireType::kLengthDelimited);
// What a process's sockets do by time they do together, this often at most: a
// thread that wakes for many of them costs a fraction of many wake-ups.
constexpr absl::Duration kGrid = absl::Milliseconds(100);

// How soon a token is asked for again where there was none.
constexpr absl::Duration kTokenRetryMin = absl::Milliseconds(100);
constexpr absl::Duration kTokenRetryMax = absl::Seconds(30);

absl::string_view PhaseName(Session::Phase phase) {
  switch (phase) {
    case Session::Phase::kDetached:
      return "detached";
    case Session::Phase::kOpening:
      return "opening";
    case Session::Phase::kOpen:
      return "open";
    case Session::Phase::kDraining:
      return "draining";
    case Session::Phase::kHalfClosed:
      return "half-closed";
  }
  return "unknown";
}

// The only place where it changes.
void ChangePhase(Session::Phase* phase, Session::Phase to) {
  using Phase = Session::Phase;
  // Along a connection phases do not go back.
  MSGPROC_CHECK(to == Phase::kDetached || to > *phase);
  MSGPROC_CHECK(to != Phase::kHalfClosed || *phase != Phase::kOpening);
  TellTransition("client::Session", PhaseName(*phase), PhaseName(to));
  *phase = to;
}

// As fine as what lasts `span` needs it.
absl::Duration Grid(absl::Duration span) { return std::min(kGrid, span / 8); }

// A field of one byte's tag.
void PutUint(uint32_t tag, uint64_t value, std::string* to) {
  if (value == 0) return;
  char bytes[16];
  bytes[0] = static_cast<char>(tag);
  char* const end = wire::PutVarint(bytes + 1, value);
  to->append(bytes, static_cast<size_t>(end - bytes));
}

// A length-delimited field of one byte's tag.
void PutBytes(uint32_t tag, absl::string_view value, std::string* to) {
  to->push_back(static_cast<char>(tag));
  char size[10];
  to->append(size,
             static_cast<size_t>(wire::PutVarint(size, value.size()) - size));
  to->append(value.data(), value.size());
}

uint64_t LimitOr(uint64_t limit, uint64_t otherwise) {
  return limit == 0 ? otherwise : limit;
}

}  // namespace

Session::Session(const Options& options)
    : open_(options.open),
      require_durable_(options.require_durable),
      connect_timeout_(options.connect_timeout),
      window_(options.limits) {
  if (options.kept == nullptr) return;
  window_.GoOn(*options.kept);
  welcomed_ = options.kept->welcomed;
  store_generation_ = options.kept->store_generation;
}

void Session::PutReceived(uint64_t received_through, Write* write) const {
  PutUint(kReceivedTag, received_through, &write->head);
}

void Session::PutOpen(Write* write) const {
  std::string open = open_;
  PutUint(kAttemptTag, attempts_, &open);
  PutUint(kMovedForTag, static_cast<uint64_t>(moved_for_), &open);
  PutUint(kResumesTag, welcomed_ ? 1 : 0, &open);
  if (!store_generation_.empty()) {
    PutBytes(kStoreGenerationTag, store_generation_, &open);
  }
  write->head.clear();
  PutBytes(kOpenTag, open, &write->head);
}

void Session::OnOpen(absl::Time now, Write* write) {
  MSGPROC_CHECK(phase_ == Phase::kDetached);
  ChangePhase(&phase_, Phase::kOpening);
  opened_ = last_written_ = last_read_ = now;
  heartbeat_interval_ = patience_ = absl::InfiniteDuration();
  end_by_ = absl::InfiniteFuture();
  drain_address_.clear();
  drained_early_ = false;
  drain_reason_ = 0;
  token_expires_ = refresh_at_ = absl::InfiniteFuture();
  refresh_token_.clear();
  ++attempts_;
  PutOpen(write);
  write->messages.clear();
  write->has_frame = true;
  write->half_close = false;
  PutReceived(window_.OnOpen(&write->messages).received_through, write);
}

bool Session::Finished() const {
  if (phase_ == Phase::kDraining) return window_.collected();
  return phase_ == Phase::kOpen && closing_ && window_.drained();
}

bool Session::NextWrite(absl::Time now, Write* write) {
  write->head.clear();
  write->messages.clear();
  write->has_frame = false;
  write->half_close = false;
  if (phase_ != Phase::kOpen && phase_ != Phase::kDraining) return false;
  MSGPROC_CHECK(window_.connected());
  const bool send = phase_ == Phase::kOpen && window_.CanSend();
  write->half_close = Finished();
  const bool acknowledge = now >= window_.acknowledge_by() ||
                           (write->half_close && !window_.acknowledged());
  const bool refresh = !refresh_token_.empty();
  if (send || acknowledge || refresh ||
      (!write->half_close && now >= HeartbeatTime())) {
    // While draining this takes nothing: nothing may be sent.
    const SendWindow::Frame frame =
        send ? window_.NextFrame(&write->messages) : window_.Acknowledge();
    PutReceived(frame.received_through, write);
    if (refresh) PutBytes(kRefreshTag, refresh_token_, &write->head);
    refresh_token_.clear();
    write->has_frame = true;
    last_written_ = now;
  }
  if (write->half_close) {
    ChangePhase(&phase_, Phase::kHalfClosed);
    end_by_ = std::min(end_by_, now + connect_timeout_);
  }
  return write->has_frame || write->half_close;
}

Session::Received Session::OnFrame(const wire::ResponseFrame& frame,
                                   absl::Time now) {
  MSGPROC_CHECK(phase_ != Phase::kDetached);
  Received received;
  last_read_ = now;
  if (frame.has_welcome) {
    received.status = OnWelcome(frame.welcome, now, &received);
    if (!received.status.ok()) return received;
  } else if (phase_ == Phase::kOpening &&
             (!frame.has_drain || !frame.results.empty())) {
    received.status = absl::InternalError(
        "the server's first response has no Welcome: is it a "
        "msgproc.v1.Processor?");
    return received;
  }
  if (frame.has_token_expires_in) {
    google::protobuf::Duration left;
    if (!left.ParseFromArray(frame.token_expires_in.data(),
                             static_cast<int>(frame.token_expires_in.size()))) {
      received.status =
          absl::InternalError("the server sent a malformed token_expires_in");
      return received;
    }
    OnTokenExpiresIn(wire::FromProto(left), now);
  }
  if (!frame.results.empty()) {
    SendWindow::NewResults found = window_.OnResults(frame.results, now);
    received.first = found.first;
    received.count = found.count;
    received.status = std::move(found.status);
    received.duplicate = found.duplicate;
  }
  if (received.status.ok() && frame.has_drain) {
    received.status = OnDrain(frame.drain, now, &received);
  }
  return received;
}

absl::Status Session::OnWelcome(absl::string_view encoded, absl::Time now,
                                Received* received) {
  if (phase_ != Phase::kOpening) {
    return absl::InternalError("the server sent a second Welcome");
  }
  v1::Welcome welcome;
  if (!welcome.ParseFromArray(encoded.data(),
                              static_cast<int>(encoded.size()))) {
    return absl::InternalError("the server sent a malformed Welcome");
  }
  switch (welcome.state()) {
    case v1::Welcome::STATE_NEW:
      received->state = SessionState::kNew;
      break;
    case v1::Welcome::STATE_RESUMED:
      received->state = SessionState::kResumed;
      break;
    case v1::Welcome::STATE_LOST:
      received->state = SessionState::kLost;
      break;
    default:
      return absl::InternalError(
          absl::StrCat("the server sent a Welcome with the unknown state ",
                       static_cast<int>(welcome.state())));
  }
  if (absl::Status kept =
          CheckDurability(welcome.durability() == v1::Welcome::DURABILITY_STORE,
                          welcome.store_generation());
      !kept.ok()) {
    return kept;
  }
  WindowLimits limits;
  limits.messages = LimitOr(welcome.max_outstanding_messages(), UINT64_MAX);
  limits.bytes = LimitOr(welcome.max_outstanding_bytes(), UINT64_MAX);
  limits.batch_messages = LimitOr(welcome.max_batch_messages(), UINT64_MAX);
  absl::Status status =
      window_.OnWelcome(received->state, welcome.accepted_through(), limits);
  if (absl::IsFailedPrecondition(status)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "session '", welcome.session_id(), "': ", status.message()));
  }
  if (!status.ok()) return status;
  max_payload_bytes_ = LimitOr(welcome.max_payload_bytes(), UINT64_MAX);
  if (welcome.has_heartbeat_interval()) {
    const absl::Duration interval =
        wire::FromProto(welcome.heartbeat_interval());
    if (interval > absl::ZeroDuration()) heartbeat_interval_ = interval;
    patience_ = wire::kSilentIntervals * heartbeat_interval_;
  }
  if (welcome.has_token_expires_in()) {
    OnTokenExpiresIn(wire::FromProto(welcome.token_expires_in()), now);
  }
  welcomed_ = true;
  store_generation_ = welcome.store_generation();
  received->welcome = true;
  received->server_id = welcome.server_id();
  ChangePhase(&phase_, drained_early_ ? Phase::kDraining : Phase::kOpen);
  received->drain = drained_early_;
  moved_for_ = 0;
  return absl::OkStatus();
}

// What was sent may have been done, and a server that cannot know must not be
// given it again.
absl::Status Session::CheckDurability(bool stored,
                                      absl::string_view generation) const {
  if (!store_generation_.empty() && generation != store_generation_) {
    return absl::DataLossError(
        absl::StrCat("the session is kept in store '", store_generation_,
                     "', and the server has ",
                     generation.empty() ? std::string("none")
                                        : absl::StrCat("'", generation, "'"),
                     ": what became of its last messages is not known here"));
  }
  if (require_durable_ && !stored) {
    return absl::FailedPreconditionError(
        "the server keeps sessions in memory, and this one must be kept in a "
        "store (start the processor with --session_store)");
  }
  return absl::OkStatus();
}

absl::Status Session::OnDrain(absl::string_view encoded, absl::Time now,
                              Received* received) {
  // Too late to matter, or said before.
  if (phase_ != Phase::kOpen && phase_ != Phase::kOpening) {
    return absl::OkStatus();
  }
  v1::Drain drain;
  if (!drain.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) {
    return absl::InternalError("the server sent a malformed Drain");
  }
  drain_address_ = drain.server_address();
  drain_reason_ = drain.reason();
  if (drain.has_grace()) end_by_ = now + wire::FromProto(drain.grace());
  if (phase_ == Phase::kOpening) {
    drained_early_ = true;
    return absl::OkStatus();
  }
  ChangePhase(&phase_, Phase::kDraining);
  received->drain = true;
  return absl::OkStatus();
}

void Session::OnTokenExpiresIn(absl::Duration left, absl::Time now) {
  token_expires_ = now + left;
  // A provider that gives the same token again does not make this hurry.
  refresh_at_ = now + std::max(left * 3 / 4, kTokenRetryMin);
}

void Session::Refresh(std::string token) {
  MSGPROC_CHECK(!token.empty());
  refresh_token_ = std::move(token);
  // Until the server has said how long this one holds.
  refresh_at_ = absl::InfiniteFuture();
}

void Session::OnNoToken(absl::Time now) {
  const absl::Duration left = token_expires_ - now;
  refresh_at_ = now + std::clamp(left / 4, kTokenRetryMin, kTokenRetryMax);
}

absl::Status Session::OnTime(absl::Time now) const {
  if (phase_ == Phase::kDetached) return absl::OkStatus();
  if (phase_ == Phase::kOpening && now >= opened_ + connect_timeout_) {
    return absl::UnavailableError(absl::StrCat(
        "no server answered within ", absl::FormatDuration(connect_timeout_)));
  }
  if (now >= last_read_ + patience_) {
    return absl::UnavailableError(
        absl::StrCat("nothing was heard from the server for ",
                     absl::FormatDuration(now - last_read_)));
  }
  if (now >= end_by_) {
    return absl::UnavailableError(
        phase_ == Phase::kHalfClosed
            ? "the server did not end the stream after the half-close"
            : "the time to drain ran out before all results had come");
  }
  return absl::OkStatus();
}

absl::Time Session::ExactBreakTime() const {
  if (phase_ == Phase::kDetached) return absl::InfiniteFuture();
  return std::min(end_by_, phase_ == Phase::kOpening
                               ? opened_ + connect_timeout_
                               : last_read_ + patience_);
}

absl::Time Session::BreakTime() const {
  const absl::Time exact = ExactBreakTime();
  const absl::Duration grid =
      Grid(std::min(connect_timeout_, heartbeat_interval_));
  if (exact == absl::InfiniteFuture() || grid <= absl::ZeroDuration()) {
    return exact;
  }
  return absl::UnixEpoch() + absl::Ceil(exact - absl::UnixEpoch(), grid);
}

absl::Time Session::HeartbeatTime() const {
  if (heartbeat_interval_ == absl::InfiniteDuration()) {
    return absl::InfiniteFuture();
  }
  const absl::Duration due =
      last_written_ + heartbeat_interval_ - absl::UnixEpoch();
  return absl::UnixEpoch() + absl::Floor(due, Grid(heartbeat_interval_));
}

absl::Time Session::SpeakTime() const {
  if (phase_ != Phase::kOpen && phase_ != Phase::kDraining) {
    return absl::InfiniteFuture();
  }
  return std::min(HeartbeatTime(), window_.acknowledge_by());
}

bool Session::MayBeDueBefore(absl::Time time) const {
  if (ExactBreakTime() < time) return true;
  if (phase_ != Phase::kOpen && phase_ != Phase::kDraining) return false;
  // A grid is never coarser than that.
  return last_written_ + heartbeat_interval_ - kGrid < time ||
         window_.acknowledge_by() < time;
}

bool Session::LeftInOrder() const {
  return refused_by_drain() || phase_ == Phase::kHalfClosed ||
         (phase_ == Phase::kDraining && window_.collected());
}

void Session::OnDisconnected() {
  // Of a Drain's connection only; one that never got a Welcome changes nothing.
  if (drain_reason_ != 0 && LeftInOrder()) moved_for_ = drain_reason_;
  ChangePhase(&phase_, Phase::kDetached);
  window_.OnDisconnected();
}

}  // namespace msgproc::client
