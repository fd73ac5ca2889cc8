#include "services/processor/registration/register_call.h"

#include <utility>

namespace msgproc::processor {

RegisterCall::RegisterCall(const std::shared_ptr<grpc::Channel>& channel,
                           const std::string& token, Listener* listener)
    : stub_(v1::Registry::NewStub(channel)), listener_(listener) {
  if (!token.empty()) context_.AddMetadata("authorization", "Bearer " + token);
}

void RegisterCall::Start(const v1::RegisterRequest& first) {
  report_ = first;
  {
    MutexLock lock(&mutex_);
    in_flight_ = true;
  }
  stub_->async()->Register(&context_, this);
  // Writes come from outside of reactions; the hold keeps OnDone away from
  // them until reading has ended.
  AddHold();
  StartWrite(&report_);
  StartRead(&answer_);
  StartCall();
}

void RegisterCall::Write(const v1::RegisterRequest& report) {
  Next next = Next::kNothing;
  {
    MutexLock lock(&mutex_);
    waiting_ = report;
    has_waiting_ = true;
    next = Decide();
  }
  Do(next);
}

void RegisterCall::HalfClose() {
  Next next = Next::kNothing;
  {
    MutexLock lock(&mutex_);
    half_close_ = true;
    next = Decide();
  }
  Do(next);
}

RegisterCall::Next RegisterCall::Decide() {
  if (in_flight_ || released_) return Next::kNothing;
  if (read_ended_) {
    released_ = true;
    return Next::kRelease;
  }
  if (half_closed_) return Next::kNothing;
  if (has_waiting_) {
    report_ = std::move(waiting_);
    has_waiting_ = false;
    in_flight_ = true;
    return Next::kWrite;
  }
  if (half_close_) {
    half_closed_ = true;
    in_flight_ = true;
    return Next::kHalfClose;
  }
  return Next::kNothing;
}

void RegisterCall::Do(Next next) {
  switch (next) {
    case Next::kNothing:
      return;
    case Next::kWrite:
      return StartWrite(&report_);
    case Next::kHalfClose:
      return StartWritesDone();
    case Next::kRelease:
      return RemoveHold();
  }
}

void RegisterCall::OnReadDone(bool ok) {
  if (ok) {
    listener_->OnAnswer(answer_);
    return StartRead(&answer_);
  }
  Next next = Next::kNothing;
  {
    MutexLock lock(&mutex_);
    read_ended_ = true;
    next = Decide();
  }
  Do(next);
}

void RegisterCall::OnWriteDone(bool /*ok*/) {
  Next next = Next::kNothing;
  {
    MutexLock lock(&mutex_);
    in_flight_ = false;
    next = Decide();
  }
  Do(next);
}

void RegisterCall::OnWritesDoneDone(bool ok) { OnWriteDone(ok); }

void RegisterCall::OnDone(const grpc::Status& status) {
  listener_->OnEnded(status);
}

}  // namespace msgproc::processor
