#include "client/connection_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace msgproc::client {

ConnectionState::ConnectionState(Options options)
    : options_(std::move(options)),
      session_(options_.session),
      destination_(options_.reconnect, Now()),
      delivered_(session_.window().received_through()) {}

void ConnectionState::ChangePhase(Phase to, absl::string_view why) {
  MSGPROC_CHECK(phase_ != Phase::kEnded);
  MSGPROC_CHECK(phase_ != to);
  MSGPROC_CHECK(phase_ != Phase::kCalling || to == Phase::kWaiting);
  if (options_.on_change) options_.on_change(phase_, to, why);
  phase_ = to;
}

// --- Connecting ------------------------------------------------------------

void ConnectionState::OnTime() {
  const absl::Time now = Now();
  alarm_ = absl::InfiniteFuture();
  if (phase_ == Phase::kEnded) return;
  if (now >= destination_.give_up_at()) {
    absl::Status status = absl::UnavailableError(
        absl::StrCat("no server answered within ",
                     absl::FormatDuration(options_.reconnect.give_up_after),
                     destination_.LastFailure()));
    if (phase_ == Phase::kCalling) {
      call_.Break(std::move(status));
    } else {
      End(std::move(status), "no server answered in time");
    }
  } else if (phase_ == Phase::kCalling) {
    if (delivery_ != Delivery::kNobody) session_.OnBusy(now);
    if (absl::Status status = session_.OnTime(now); !status.ok()) {
      call_.Break(std::move(status));
    }
  } else if (phase_ == Phase::kWaiting && now >= destination_.when()) {
    connecting_ = true;
  }
}

ConnectionState::Action ConnectionState::NextConnection(Output* output) {
  if (phase_ == Phase::kCalling && RefreshTime() <= Now()) return FetchToken();
  const bool waiting = phase_ == Phase::kWaiting;
  if (waiting && !session_.window().settled()) return {};
  if (!std::exchange(connecting_, false) || !waiting) return {};
  if (options_.needs_token && token_.empty()) {
    ChangePhase(Phase::kAuthorizing, "a token is wanted");
    return FetchToken();
  }
  output->token = token_;
  if (!destination_.located()) {
    ChangePhase(Phase::kLocating, "it is time to connect");
    output->failed = destination_.failed();
    return {Action::Kind::kLocate};
  }
  ChangePhase(Phase::kCalling, "it is known where to connect");
  MSGPROC_CHECK(!gatherer_.marker_in_flight());
  destination_.OnUsed();
  token_.clear();
  call_.Begin();
  frame_waiting_ = false;
  gatherer_.Stop();
  output->address = destination_.address();
  return {Action::Kind::kConnect};
}

void ConnectionState::OnLocated(absl::StatusOr<std::string> address) {
  if (phase_ != Phase::kLocating) return;
  ChangePhase(Phase::kWaiting, "there is an answer");
  if (!address.ok()) {
    Retry(address.status(), /*moved=*/false);
    return;
  }
  destination_.OnLocated(*std::move(address), Now());
  connecting_ = true;
}

void ConnectionState::OnToken(absl::StatusOr<std::string> token) {
  MSGPROC_CHECK(fetching_token_);
  fetching_token_ = false;
  MSGPROC_CHECK(!token.ok() || !token->empty());
  if (phase_ == Phase::kEnded) return;
  if (phase_ == Phase::kCalling) {
    // The call that it was fetched for may have ended, and this be the next.
    if (token.ok()) {
      session_.Refresh(*std::move(token));
      caller_waits_for_write_ = true;
    } else {
      session_.OnNoToken(Now());
    }
    SetAlarm();
    return;
  }
  const bool wanted = phase_ == Phase::kAuthorizing;
  if (wanted) ChangePhase(Phase::kWaiting, "there is an answer");
  if (token.ok()) {
    token_ = *std::move(token);
    connecting_ = connecting_ || wanted;
  } else if (wanted) {
    Retry(token.status(), /*moved=*/false);
  }
}

bool ConnectionState::OnCallMade(Session::Write* write) {
  MSGPROC_CHECK(phase_ == Phase::kCalling);
  session_.OnOpen(Now(), write);
  SetAlarm();
  return call_.OnMade();
}

// --- Writing ---------------------------------------------------------------

bool ConnectionState::OnAppended(bool inside) {
  if (inside) return session_.window().frame_full();
  caller_waits_for_write_ = true;
  return !call_.write_in_flight();
}

bool ConnectionState::DecideWrite(Output* output) {
  if (phase_ != Phase::kCalling || !call_.MayWrite()) return false;
  const bool caller_waits = std::exchange(caller_waits_for_write_, false);
  if (!session_.NextWrite(Now(), &output->write)) return false;
  MSGPROC_CHECK(output->write.has_frame || output->write.half_close);
  call_.OnWrite();
  caller_waits_for_write_ = caller_waits && session_.window().unsent() > 0;
  gatherer_.Stop();
  gathered_bytes_ = 0;
  return true;
}

// --- The end of a call, and of the stream ----------------------------------

void ConnectionState::OnCallEnded(absl::Status call_status) {
  MSGPROC_CHECK(phase_ == Phase::kCalling);
  MSGPROC_CHECK(!call_.write_in_flight());
  const bool connected = session_.window().connected();
  absl::Status status = call_.broken();
  if (status.ok()) status = std::move(call_status);
  const bool moved = (session_.phase() == Session::Phase::kHalfClosed ||
                      session_.refused_by_drain()) &&
                     status.ok();
  if (status.ok() && !moved) {
    status = absl::UnavailableError("the server ended the stream early");
  }
  // One that was good a moment ago: the next call has a fresh one.
  if (absl::IsUnauthenticated(status) && connected && options_.needs_token) {
    status = absl::UnavailableError(
        absl::StrCat("the token does not hold any more: ", status.message()));
  }
  session_.OnDisconnected();
  ChangePhase(Phase::kWaiting, "the call ended");
  if (!cancelled_.ok()) {
    End(cancelled_, "cancelled");
  } else if (closing_ && session_.window().drained() &&
             (status.ok() || MayRetry(status))) {
    End(absl::OkStatus(), "closed, and all is answered");
  } else {
    if (connected && (moved || MayRetry(status))) {
      AddEvent(StreamEvent::Kind::kDisconnected, status);
    }
    Retry(std::move(status), moved);
  }
}

void ConnectionState::Retry(absl::Status why, bool moved) {
  token_.clear();  // It might expire while this waits.
  if (!moved && !MayRetry(why)) {
    End(std::move(why), "refused for good");
    return;
  }
  if (moved) {
    destination_.OnMoved(options_.follows_drain ? session_.drain_address() : "",
                         Now(), options_.random());
  } else {
    destination_.OnFailed(std::move(why), Now(), options_.random());
  }
}

void ConnectionState::Close(bool inside) {
  if (closing_) return;
  closing_ = true;
  session_.Close();
  if (!inside) caller_waits_for_write_ = true;
  news_ = true;
  EndIfClosed();
}

void ConnectionState::Cancel(absl::Status why) {
  MSGPROC_CHECK(!why.ok());
  if (!cancelled_.ok() || phase_ == Phase::kEnded) return;
  cancelled_ = why;
  news_ = true;
  if (phase_ == Phase::kCalling) {
    call_.Break(std::move(why));
  } else {
    End(std::move(why), "cancelled");
  }
}

void ConnectionState::End(absl::Status status, absl::string_view why) {
  ChangePhase(Phase::kEnded, why);
  status_ = std::move(status);
  AddEvent(StreamEvent::Kind::kClosed, status_);
  news_ = true;
}

absl::Status ConnectionState::WhyNotSend(absl::string_view payload) const {
  if (phase_ == Phase::kEnded && !status_.ok()) return status_;
  if (!cancelled_.ok()) return cancelled_;
  if (closing_) {
    return absl::FailedPreconditionError(
        "Send after Close: open another stream");
  }
  return absl::InvalidArgumentError(
      absl::StrCat("a payload of ", payload.size(),
                   " bytes is over the server's max_payload_bytes of ",
                   session_.max_payload_bytes()));
}

// --- Delivering ------------------------------------------------------------

void ConnectionState::OnFrame() {
  MSGPROC_CHECK(phase_ == Phase::kCalling);
  MSGPROC_CHECK(!frame_waiting_);
  frame_waiting_ = true;
  gatherer_.OnFrame();
}

void ConnectionState::OnParsed(const wire::ResponseFrame* frame, size_t bytes) {
  MSGPROC_CHECK(delivery_ == Delivery::kParsing);
  frame_bytes_ = bytes;
  received_ = Session::Received();
  delivery_ = Delivery::kAnswered;
  if (!call_.broken().ok()) return;
  if (frame == nullptr) {
    received_.status = absl::InternalError(
        "the server sent a frame that is no ProcessResponse");
    FinishFrame();
    return;
  }
  const absl::Time now = Now();
  received_ = session_.OnFrame(*frame, now);
  delivery_ = Delivery::kWelcomed;
  if (!received_.welcome) return;
  server_id_ = received_.server_id;
  destination_.OnConnected(now);
  AddEvent(StreamEvent::Kind::kConnected, absl::OkStatus());
  events_.back().state = received_.state;
  events_.back().store_generation = session_.store_generation();
  news_ = true;
}

void ConnectionState::OnDelivered() {
  MSGPROC_CHECK(delivery_ == Delivery::kResults);
  delivered_ += received_.count;
  news_ = true;
  FinishFrame();
}

// All of a frame that callbacks are to see at once was delivered.
void ConnectionState::FinishFrame() {
  delivery_ = Delivery::kAnswered;
  if (received_.drain) AddEvent(StreamEvent::Kind::kDraining, absl::OkStatus());
  if (!received_.status.ok()) {
    if (absl::IsInternal(received_.status)) {
      AddEvent(StreamEvent::Kind::kViolation, received_.status);
      events_.back().duplicate = received_.duplicate;
    }
    call_.Break(received_.status);
  }
  gathered_bytes_ += frame_bytes_;
  const uint64_t unsent = session_.window().unsent();
  const bool worth =
      received_.count > 0 && unsent > 0 && !session_.window().frame_full();
  gatherer_.Consider(worth ? unsent : 0, gathered_bytes_);
}

ConnectionState::Action ConnectionState::NextDelivery(Output* output) {
  if (delivery_ == Delivery::kNobody) delivery_ = Delivery::kLooking;
  MSGPROC_CHECK(delivery_ != Delivery::kParsing);
  MSGPROC_CHECK(delivery_ != Delivery::kResults);
  if (delivery_ != Delivery::kAnswered && !events_.empty()) {
    output->event = std::move(events_.front());
    events_.pop_front();
    return {Action::Kind::kEvent};
  }
  if (delivery_ == Delivery::kWelcomed && received_.count > 0) {
    destination_.OnResult();
    delivery_ = Delivery::kResults;
    return {Action::Kind::kResults, received_.first, received_.count};
  }
  if (delivery_ == Delivery::kWelcomed) FinishFrame();
  if (delivery_ == Delivery::kAnswered) {
    if (!gatherer_.gathering() && DecideWrite(output)) {
      return {Action::Kind::kWrite};
    }
    // Behind the write, so that HTTP/2's window updates travel with it: reading
    // earlier was measured to cost a system call and a wake-up a frame.
    delivery_ = Delivery::kLooking;
    return {Action::Kind::kRead};
  }
  if (std::exchange(frame_waiting_, false)) {
    delivery_ = Delivery::kParsing;
    return {Action::Kind::kParse};
  }
  if (!gatherer_.gathering()) {
    if (DecideWrite(output)) return {Action::Kind::kWrite};
  } else if (!gatherer_.marker_in_flight()) {
    gatherer_.Mark();
    return {Action::Kind::kMark};
  }
  // From here on it is the write's, the marker's or the next frame's turn.
  delivery_ = Delivery::kNobody;
  news_ = true;
  return {};
}

// --- Deciding --------------------------------------------------------------

ConnectionState::Action ConnectionState::NextAction(Role* role,
                                                    Output* output) {
  if (call_.TakeCancel()) return {Action::Kind::kCancel};
  if (*role == Role::kDeliverer || MayTakeDelivery(*role)) {
    *role = Role::kDeliverer;
    const Action action = NextDelivery(output);
    if (action.kind != Action::Kind::kNone) return action;
    *role = Role::kReader;
  }
  if (*role == Role::kConnector) {
    const Action action = NextConnection(output);
    if (action.kind != Action::Kind::kNone) return action;
  }
  if (MayWrite(*role) && DecideWrite(output)) return {Action::Kind::kWrite};
  if (*role == Role::kMarker && delivery_ == Delivery::kNobody &&
      gatherer_.gathering() && !gatherer_.marker_in_flight()) {
    gatherer_.Mark();
    return {Action::Kind::kMark};
  }
  if (*role == Role::kConnector && delivery_ == Delivery::kNobody &&
      !events_.empty()) {
    delivery_ = Delivery::kLooking;
    return {Action::Kind::kDeliverOnThread};
  }
  return LastOf(*role);
}

// The role has nothing more to do.
ConnectionState::Action ConnectionState::LastOf(Role role) {
  if (role == Role::kMarker) call_.OnMarkerDone();
  // A write of a caller's own puts heartbeats off, and the alarm that is set
  // finds that out.
  if (role != Role::kCaller || phase_ != Phase::kCalling) SetAlarm();
  const bool needed = phase_ != Phase::kCalling ||
                      delivery_ != Delivery::kNobody ||
                      gatherer_.marker_in_flight();
  if (!call_.TakeRelease(needed)) return {};
  return {Action::Kind::kRelease};
}

void ConnectionState::SetAlarm() {
  absl::Time next = absl::InfiniteFuture();
  switch (phase_) {
    case Phase::kWaiting:
      if (session_.window().settled()) next = destination_.when();
      [[fallthrough]];
    case Phase::kAuthorizing:
    case Phase::kLocating:
      next = std::min(next, destination_.give_up_at());
      break;
    case Phase::kCalling:
      if (!call_.broken().ok()) return;
      next = std::min(destination_.give_up_at(), RefreshTime());
      // Each frame puts off what is due: rarely is it before the alarm.
      if (!session_.MayBeDueBefore(std::min(next, alarm_))) break;
      next = std::min(next, session_.BreakTime());
      // Where nothing can be written any more, the end is about to be heard.
      if (call_.MayWrite()) next = std::min(next, session_.SpeakTime());
      break;
    case Phase::kEnded:
      if (!events_.empty() && delivery_ == Delivery::kNobody) {
        next = absl::InfinitePast();
      }
      break;
  }
  if (next >= alarm_) return;
  alarm_ = next;
  alarm_changed_ = true;
}

}  // namespace msgproc::client
