// What is done with what the calls bring: callbacks, one at a time, in order.
#include <thread>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "client/callback_scope.h"
#include "client/reconnecting_stream.h"
#include "client/result_decoding.h"
#include "common/clock.h"

namespace msgproc::client {
namespace {

StreamEvent::State ToEventState(SessionState state) {
  switch (state) {
    case SessionState::kNew:
      return StreamEvent::State::kNew;
    case SessionState::kResumed:
      return StreamEvent::State::kResumed;
    case SessionState::kLost:
      return StreamEvent::State::kLost;
  }
  return StreamEvent::State::kNone;
}

}  // namespace

void ReconnectingStream::OnFrame() {
  mutex_.Lock();
  frame_waiting_ = true;
  ++frames_;
  if (!delivering_) Deliver();
  Leave();
}

void ReconnectingStream::Deliver() {
  delivering_ = true;
  while (true) {
    if (!events_.empty()) {
      DeliverEvent();
    } else if (frame_waiting_) {
      DeliverFrame();
    } else if (gathering_ && !marker_in_flight_) {
      PostMarker();
    } else if (gathering_ || !WriteNext()) {
      // From here on OnWritten does it.
      break;
    }
  }
  delivering_ = false;
  SetTimer();
  if (waiting_ > 0 || phase_ == Phase::kEnded) changed_.SignalAll();
}

void ReconnectingStream::DeliverApart() {
  delivering_ = true;
  std::thread([this] {
    mutex_.Lock();
    Deliver();
    Leave();
  }).detach();
}

void ReconnectingStream::DeliverEvent() {
  const StreamEvent event = std::move(events_.front());
  events_.pop_front();
  if (!options_.on_event) return;
  mutex_.Unlock();
  {
    const CallbackScope scope(this);
    options_.on_event(event);
  }
  mutex_.Lock();
}

void ReconnectingStream::DeliverFrame() {
  frame_waiting_ = false;
  ProcessCall* const call = call_.get();
  mutex_.Unlock();
  const bool readable =
      flat_.Assign(call->incoming()) && frame_.Parse(flat_.bytes());
  mutex_.Lock();
  if (broken_.ok()) {
    if (readable) {
      DeliverParsed();
    } else {
      OnViolation(absl::InternalError(
                      "the server sent a frame that is no ProcessResponse"),
                  /*duplicate=*/false);
    }
  }
  // Behind the write, so that HTTP/2's window updates travel with it: reading
  // earlier was measured to cost a system call and a wake-up a frame.
  mutex_.Unlock();
  flat_.Clear();
  call->ReadNext();
  mutex_.Lock();
}

void ReconnectingStream::DeliverParsed() {
  const absl::Time now = Clock::Monotonic()->Now();
  const Session::Heard heard = session_.OnFrame(frame_, now);
  if (heard.welcome) {
    server_id_ = heard.server_id;
    failed_.clear();
    policy_.OnConnected(now);
    AddEvent(StreamEvent::Kind::kConnected, absl::OkStatus());
    events_.back().state = ToEventState(heard.state);
    changed_.SignalAll();
    while (!events_.empty()) DeliverEvent();
  }
  if (heard.count > 0) DeliverResults(heard);
  if (heard.drain) AddEvent(StreamEvent::Kind::kDraining, absl::OkStatus());
  if (absl::IsInternal(heard.status)) {
    OnViolation(heard.status, heard.duplicate);
  } else if (!heard.status.ok()) {
    Break(heard.status);
  }
  gathered_bytes_ += flat_.bytes().size();
  const uint64_t unsent = session_.window().unsent();
  gathering_ = heard.count > 0 && unsent > 0 &&
               !session_.window().frame_full() &&
               gather_policy_.ShouldLook(unsent, gathered_bytes_);
  if (!gathering_) WriteNext();
}

void ReconnectingStream::PostMarker() {
  marker_in_flight_ = true;
  frames_at_marker_ = frames_;
  ProcessCall* const call = call_.get();
  mutex_.Unlock();
  Post(call->c_call());
  mutex_.Lock();
}

void ReconnectingStream::OnReached() {
  mutex_.Lock();
  marker_in_flight_ = false;
  // gRPC does not know of it: a call must not end while this goes on.
  ++reaching_;
  const bool found = frames_ != frames_at_marker_;
  gather_policy_.OnLooked(found);
  gathering_ = gathering_ && found && !read_ended_;
  // Who delivers goes on otherwise.
  if (!delivering_) {
    if (gathering_) {
      PostMarker();
    } else {
      WriteNext();
      SetTimer();
    }
  }
  --reaching_;
  Leave();
}

void ReconnectingStream::DeliverResults(const Session::Heard& heard) {
  policy_.OnResult();
  mutex_.Unlock();
  {
    const CallbackScope scope(this);
    const auto views =
        absl::MakeConstSpan(frame_.results).subspan(heard.first, heard.count);
    if (options_.on_result) {
      for (const wire::ResultView& view : views) {
        options_.on_result(ToResult(view));
      }
    } else {
      GiveTogether(views);
    }
  }
  mutex_.Lock();
  delivered_ += heard.count;
  if (waiting_ > 0) changed_.SignalAll();
}

void ReconnectingStream::GiveTogether(
    absl::Span<const wire::ResultView> views) const {
  absl::InlinedVector<Result, kMostResultsAtOnce> results;
  while (!views.empty()) {
    const auto now = views.subspan(0, kMostResultsAtOnce);
    for (const wire::ResultView& view : now) results.push_back(ToResult(view));
    options_.on_results(results);
    results.clear();
    views.remove_prefix(now.size());
  }
}

void ReconnectingStream::OnViolation(absl::Status how, bool duplicate) {
  AddEvent(StreamEvent::Kind::kViolation, how);
  events_.back().duplicate = duplicate;
  Break(std::move(how));
}

void ReconnectingStream::AddEvent(StreamEvent::Kind kind, absl::Status status) {
  StreamEvent& event = events_.emplace_back();
  event.kind = kind;
  event.server_id = server_id_;
  event.address = address_;
  event.status = std::move(status);
}

void ReconnectingStream::End(absl::Status status) {
  phase_ = Phase::kEnded;
  status_ = std::move(status);
  AddEvent(StreamEvent::Kind::kClosed, status_);
  changed_.SignalAll();
  SetTimer();
}

}  // namespace msgproc::client
