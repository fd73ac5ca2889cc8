#include "services/processor/registration/register_call.h"

#include <utility>

#include "common/check.h"

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
    MSGPROC_CHECK(!in_flight_);
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
  Step step = Step::kNothing;
  {
    MutexLock lock(&mutex_);
    waiting_ = report;
    has_waiting_ = true;
    step = Decide();
  }
  Do(step);
}

void RegisterCall::HalfClose() {
  Step step = Step::kNothing;
  {
    MutexLock lock(&mutex_);
    half_close_ = true;
    step = Decide();
  }
  Do(step);
}

RegisterCall::Step RegisterCall::Decide() {
  if (in_flight_ || released_) return Step::kNothing;
  if (read_ended_) {
    released_ = true;
    return Step::kRelease;
  }
  if (half_closed_) return Step::kNothing;
  if (has_waiting_) {
    report_ = std::move(waiting_);
    has_waiting_ = false;
    in_flight_ = true;
    return Step::kWrite;
  }
  if (half_close_) {
    half_closed_ = true;
    in_flight_ = true;
    return Step::kHalfClose;
  }
  return Step::kNothing;
}

void RegisterCall::Do(Step step) {
  switch (step) {
    case Step::kNothing:
      return;
    case Step::kWrite:
      return StartWrite(&report_);
    case Step::kHalfClose:
      return StartWritesDone();
    case Step::kRelease:
      return RemoveHold();
  }
}

void RegisterCall::OnReadDone(bool ok) {
  if (ok) {
    listener_->OnAnswer(answer_);
    return StartRead(&answer_);
  }
  Step step = Step::kNothing;
  {
    MutexLock lock(&mutex_);
    MSGPROC_CHECK(!read_ended_);
    read_ended_ = true;
    step = Decide();
  }
  Do(step);
}

void RegisterCall::OnWriteDone(bool /*ok*/) {
  Step step = Step::kNothing;
  {
    MutexLock lock(&mutex_);
    MSGPROC_CHECK(in_flight_);
    MSGPROC_CHECK(!released_);
    in_flight_ = false;
    step = Decide();
  }
  Do(step);
}

void RegisterCall::OnWritesDoneDone(bool ok) { OnWriteDone(ok); }

void RegisterCall::OnDone(const grpc::Status& status) {
  listener_->OnEnded(status);
}

}  // namespace msgproc::processor
