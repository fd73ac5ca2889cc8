// The way of the calls: where and when to connect, what to write, how they end.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/channel_cache.h"
#include "client/random.h"
#include "client/reconnecting_stream.h"
#include "client/status.h"
#include "common/clock.h"

namespace msgproc::client {
namespace {

// A balancer takes 64; the last few are those worth avoiding.
constexpr size_t kMostFailed = 8;

absl::Time Now() { return Clock::Monotonic()->Now(); }

}  // namespace

// --- Connecting ------------------------------------------------------------

void ReconnectingStream::Proceed() {
  if (!located_) {
    phase_ = Phase::kLocating;
    const std::vector<std::string> failed = failed_;
    mutex_.Unlock();
    source_->Next(failed, [this](absl::StatusOr<std::string> address) {
      OnLocated(std::move(address));
    });
    mutex_.Lock();
  }
  if (phase_ == Phase::kWaiting && located_) Connect();
}

void ReconnectingStream::OnLocated(absl::StatusOr<std::string> address) {
  MutexLock lock(&mutex_);
  if (phase_ != Phase::kLocating) return;
  phase_ = Phase::kWaiting;
  if (address.ok()) {
    address_ = *std::move(address);
    located_ = true;
    connect_at_ = Now();
  } else {
    Retry(address.status(), /*moved=*/false);
  }
  SetTimer();
}

void ReconnectingStream::Connect() {
  phase_ = Phase::kCalling;
  located_ = false;
  frame_waiting_ = write_ended_ = read_ended_ = released_ = false;
  gathering_ = false;
  broken_ = absl::OkStatus();
  writing_ = true;
  std::shared_ptr<ProcessCall> old = std::move(call_);
  const ChannelCache::Request request = {
      .address = address_,
      .credentials = options_.credentials,
      .arguments = options_.channel_arguments,
      .key = options_.connection_key};
  mutex_.Unlock();
  ProcessCall::Listener* const listener = this;
  const auto call = std::make_shared<ProcessCall>(
      ChannelCache::Get().Connect(request,
                                  old == nullptr ? nullptr : old->channel()),
      listener);
  // Only now: with the last channel gRPC's threads would go, too.
  old.reset();
  mutex_.Lock();
  session_.OnOpen(Now(), &write_);
  call_ = call;
  const bool cancel = !broken_.ok();
  SetTimer();
  mutex_.Unlock();
  if (cancel) call->Cancel();
  call->Start(write_.head, &write_.messages);
  mutex_.Lock();
}

// --- Writing ---------------------------------------------------------------

bool ReconnectingStream::WriteNext() {
  if (writing_ || write_ended_ || phase_ != Phase::kCalling) return false;
  if (!session_.NextWrite(Now(), &write_)) return false;
  writing_ = true;
  waits_for_write_ = false;
  gathering_ = false;
  gathered_bytes_ = 0;
  // It lives at least until this write is done.
  ProcessCall* const call = call_.get();
  // Once it is under way, another thread may see its end and fill write_ again.
  const bool has_frame = write_.has_frame;
  const bool half_close = write_.half_close;
  mutex_.Unlock();
  if (!has_frame) {
    call->HalfClose();
  } else if (half_close) {
    call->WriteLast(write_.head, &write_.messages);
  } else {
    call->Write(write_.head, &write_.messages);
  }
  mutex_.Lock();
  return true;
}

void ReconnectingStream::OnWritten(bool ok) {
  mutex_.Lock();
  writing_ = false;
  if (!ok) write_ended_ = true;
  // Who delivers writes when done, so that what callbacks send leaves together.
  const bool gather = delivering_ || gathering_;
  if (!gather || waits_for_write_ || session_.window().frame_full()) {
    WriteNext();
  }
  // Also while a callback takes its time: heartbeats go on.
  SetTimer();
  Leave();
}

// --- The end of a call -----------------------------------------------------

void ReconnectingStream::Break(absl::Status why) {
  if (!broken_.ok()) return;
  write_ended_ = true;
  broken_ = std::move(why);
  const std::shared_ptr<ProcessCall> call = call_;
  if (call == nullptr) return;  // Connect does it.
  mutex_.Unlock();
  call->Cancel();
  mutex_.Lock();
}

void ReconnectingStream::OnReadEnded() {
  mutex_.Lock();
  read_ended_ = write_ended_ = true;
  Leave();
}

void ReconnectingStream::Leave() {
  const bool release = phase_ == Phase::kCalling && read_ended_ && !writing_ &&
                       !delivering_ && !marker_in_flight_ && reaching_ == 0 &&
                       !released_;
  if (release) released_ = true;
  ProcessCall* const call = call_.get();
  mutex_.Unlock();
  if (release) call->Release();
}

void ReconnectingStream::OnEnded(const grpc::Status& grpc_status) {
  mutex_.Lock();
  const bool connected = session_.window().connected();
  absl::Status status = broken_.ok() ? ToStatus(grpc_status) : broken_;
  const bool moved = (session_.phase() == Session::Phase::kHalfClosed ||
                      session_.refused_by_drain()) &&
                     status.ok();
  if (status.ok() && !moved) {
    status = absl::UnavailableError("the server ended the stream early");
  }
  session_.OnDisconnected();
  phase_ = Phase::kWaiting;
  if (cancelled_) {
    End(absl::CancelledError("the stream was cancelled"));
  } else if (closing_ && session_.window().drained() &&
             (status.ok() || MayRetry(status))) {
    End(absl::OkStatus());
  } else {
    if (connected && (moved || MayRetry(status))) {
      AddEvent(StreamEvent::Kind::kDisconnected, status);
    }
    Retry(std::move(status), moved);
  }
  SetTimer();
  if (!delivering_) Deliver();
  Leave();
}

bool ReconnectingStream::MayRetry(const absl::Status& status) const {
  // ABORTED: another stream took the session over. With a random token that can
  // only be an older one of our own, whose Open was long under way.
  return MayReconnect(status) || (status.code() == absl::StatusCode::kAborted &&
                                  options_.session_token.empty());
}

void ReconnectingStream::Retry(absl::Status why, bool moved) {
  if (!moved && !MayRetry(why)) {
    End(std::move(why));
    return;
  }
  const absl::Time now = Now();
  ReconnectPolicy::Attempt attempt;
  if (moved) {
    attempt = policy_.OnMoved(now, RandomNumber());
    // Others open their own target again.
    if (!options_.balancers.empty() && !session_.drain_address().empty()) {
      address_ = session_.drain_address();
      located_ = true;
    }
  } else {
    attempt = policy_.OnFailed(now, RandomNumber());
    located_ = attempt.same_address;
    last_failure_ = std::move(why);
  }
  connect_at_ = attempt.when;
  if (!located_ && !address_.empty()) {
    if (failed_.size() == kMostFailed) failed_.erase(failed_.begin());
    failed_.push_back(address_);
  }
}

// --- Time ------------------------------------------------------------------

void ReconnectingStream::OnTimer() {
  mutex_.Lock();
  timer_at_ = absl::InfiniteFuture();
  const absl::Time now = Now();
  absl::Status status;
  if (phase_ != Phase::kEnded && now >= policy_.give_up_at()) {
    status = absl::UnavailableError(absl::StrCat(
        "no server answered within ",
        absl::FormatDuration(options_.give_up_after), LastFailure()));
    if (phase_ != Phase::kCalling) End(status);
  } else if (phase_ == Phase::kCalling) {
    if (delivering_) session_.OnBusy(now);
    status = session_.OnTime(now);
    if (status.ok()) WriteNext();
  } else if (phase_ == Phase::kWaiting && now >= connect_at_) {
    Proceed();
  }
  if (phase_ == Phase::kCalling && !status.ok()) Break(std::move(status));
  SetTimer();
  if (!delivering_ && !events_.empty()) DeliverApart();
  Leave();
}

void ReconnectingStream::SetTimer() {
  absl::Time next = absl::InfiniteFuture();
  switch (phase_) {
    case Phase::kWaiting:
      next = std::min(connect_at_, policy_.give_up_at());
      break;
    case Phase::kLocating:
      next = policy_.give_up_at();
      break;
    case Phase::kCalling:
      if (!broken_.ok()) return;
      next = std::min(session_.BreakTime(), policy_.give_up_at());
      if (!writing_) next = std::min(next, session_.SpeakTime());
      break;
    case Phase::kEnded:
      if (!events_.empty()) next = absl::InfinitePast();
      break;
  }
  if (next >= timer_at_) return;
  timer_at_ = next;
  timer_.Set(next);
}

}  // namespace msgproc::client
