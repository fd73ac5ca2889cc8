#include "services/processor/stream/process_reactor.h"

#include <cstddef>
#include <utility>

#include "grpcpp/server_context.h"
#include "services/base/grpc_status.h"
#include "services/processor/store/session_committer.h"
#include "services/processor/stream/drain_message.h"
#include "services/processor/stream/stream_log.h"
#include "services/processor/stream/stream_opening.h"
#include "wire/byte_buffer.h"

namespace msgproc::processor {

ProcessReactor::ProcessReactor(ProcessorContext* processor,
                               grpc::CallbackServerContext* call,
                               absl::Duration max_age, OnGone on_gone)
    : processor_(processor),
      call_(call),
      on_gone_(std::move(on_gone)),
      peer_(StreamPeer::Of(*call, processor->options().real_peer)),
      principal_(&processor->access()),
      input_(processor, &peer_, &principal_),
      canceller_(call->c_call()),
      state_(processor->patience(), processor->clock()->Now(),
             processor->clock()->Now() + max_age) {}

void ProcessReactor::Start() {
  {
    MutexLock lock(&mutex_);
    self_ = shared_from_this();
  }
  processor_->method()->Started();
  StartSendInitialMetadata();
  StartRead(&read_buffer_);
  if (absl::Status known = principal_.Authenticate(*call_); !known.ok()) {
    return EndRefused(std::move(known));
  }
  OnCredentials();
}

void ProcessReactor::OnReadDone(bool ok) {
  if (!ok) {
    if (call_->IsCancelled()) return OnCancel();
    return EndStream(StreamState::End::kHalfClose, absl::OkStatus());
  }
  const absl::Time now = processor_->clock()->Now();
  if (!Tell([&](StreamState* state) { return state->OnRead(now); })) return;
  processor_->method()->MessageReceived();
  Conclude(input_.Process(&read_buffer_, session(), shared_from_this()));
}

void ProcessReactor::Conclude(StreamInput::Outcome outcome) {
  if (outcome.claim) {
    // Who has gone meanwhile would not hear of it, and leave a session behind.
    if (!Tell([](StreamState* state) { return state->OnClaiming(); })) return;
    return processor_->committer()->ClaimSession(
        *std::move(outcome.claim),
        [self = shared_from_this()](const absl::StatusOr<Claimed>& claimed) {
          self->Conclude(self->input_.OnClaimed(claimed, self));
        });
  }
  if (outcome.refreshed) OnCredentials();
  const absl::Status& status = outcome.status;
  const bool close_input =
      Tell([&](StreamState* state) MSGPROC_REQUIRES(mutex_) {
        if (outcome.opened != nullptr) {
          session_ = std::move(outcome.opened);
          state->OnOpened(session_->anonymous(), outcome.head);
          outcome.head.clear();
        }
        if (outcome.answered && status.ok()) state->OnAnswered(outcome.head);
        return state->OnProcessed(outcome.messages, outcome.bytes, status);
      });
  if (!status.ok() && !absl::IsAborted(status)) {
    processor_->Refuse(status, principal_.Get(), peer_);
  }
  if (close_input) CloseInput();
  Advance();
}

void ProcessReactor::OnWriteDone(bool ok) {
  write_buffer_.Clear();
  const auto told = Tell([this](StreamState* state) MSGPROC_REQUIRES(mutex_) {
    state->OnWritten();
    return std::exchange(write_told_, false) ? session_ : nullptr;
  });
  if (!ok) return OnCancel();
  if (told != nullptr) told->OnWritten(this);
  Advance();
}

void ProcessReactor::OnReached() {
  // gRPC does not know of it: once no marker is in flight, another thread may
  // finish the stream, and OnDone does not wait for this one.
  const std::shared_ptr<ProcessReactor> self = shared_from_this();
  Tell([](StreamState* state) { state->OnMarkerReached(); });
  Advance();
}

void ProcessReactor::OnResultsReady(bool more) {
  if (!more) return Advance();
  if (Tell([](StreamState* state) { return state->GatherResults(); })) {
    Post(call_->c_call());
  }
}

void ProcessReactor::EndStream(StreamState::End end, absl::Status status) {
  const bool close_input = Tell(
      [&](StreamState* state) { return state->OnEnd(end, std::move(status)); });
  if (close_input) CloseInput();
  Advance();
}

bool ProcessReactor::Drain(v1::Drain::Reason reason, absl::string_view address,
                           absl::Duration grace) {
  const std::string drain = EncodeDrain(reason, address, grace);
  const bool told = Tell([&](StreamState* state) {
    return state->Drain(drain, DrainReasonName(reason));
  });
  if (told) Advance();
  return told;
}

absl::Time ProcessReactor::Tick(absl::Time now) {
  const auto on = session();
  // Others may have freed memory.
  const bool limited = on != nullptr && on->Limited();
  if (limited) on->Resume(this);
  if (limited || Tell([](StreamState* state) { return state->withheld(); })) {
    Advance();
  }
  const bool starves = on != nullptr && on->Starves();
  const auto [verdict, next] = Tell([&](StreamState* state) {
    return std::pair(state->OnTick(now, starves), state->NextTick(now));
  });
  // Anonymous ones send no heartbeats, upon which others do so.
  if (on != nullptr && on->anonymous()) on->TrimIfIdle();
  if (verdict == StreamState::Verdict::kAged) {
    Drain(v1::Drain::REASON_AGE, "", processor_->options().drain_grace);
  } else if (verdict != StreamState::Verdict::kPatient) {
    GiveUp(verdict);
  }
  return next;
}

void ProcessReactor::Recheck() {
  const auto on = session();
  if (on == nullptr) return;  // It is checked when it opens one.
  absl::Status status = principal_.Recheck(on->binding().name);
  if (!status.ok()) return EndRefused(std::move(status));
  on->SetQuota(QuotaOf(processor_, principal_.Get()));
}

void ProcessReactor::GiveUp(StreamState::Verdict verdict) {
  processor_->CountGivenUp(verdict);
  const auto why = StreamState::Reproach(verdict, processor_->patience());
  if (verdict == StreamState::Verdict::kExpired) {
    return EndRefused(absl::UnauthenticatedError(why));
  }
  End(why);
  if (!StreamState::MustCancel(verdict)) return;
  Tell([](StreamState* state) { state->OnCancelling(); });
  canceller_.Cancel(why);
}

void ProcessReactor::Advance() {
  bool again = true;
  while (again) {
    again = false;
    Step step;
    {
      MutexLock lock(&mutex_);
      step = Decide();
    }
    if (step.actions.write) {
      processor_->method()->MessageSent();
      StartWrite(&write_buffer_);
    }
    // Behind the write, so that a window update may travel with it.
    if (step.actions.read) {
      StartRead(&read_buffer_);
      again = Tell([](StreamState* state) { return state->OnReadStarted(); });
    }
    if (step.actions.mark) Post(call_->c_call());
    if (step.ended != nullptr) {
      step.ended->NoteEnd(this, step.status.error_code(), step.why);
      processor_->sessions()->Detach(step.ended, this, step.status.ok(),
                                     step.sent_away);
    }
    if (step.actions.finish) {
      LogStreamEnded(step.ended.get(), peer_, step.status.error_code(),
                     step.why);
      processor_->method()->Handled(step.status.error_code());
      Finish(step.status);
    }
    if (step.resumed != nullptr) {
      step.resumed->Resume(this);
      again = true;
    }
  }
}

ProcessReactor::Step ProcessReactor::Decide() {
  Step step;
  step.actions = state_.NextActions(
      processor_->clock()->Now(),
      [this]() MSGPROC_REQUIRES(mutex_) {
        return session_ != nullptr &&
               session_->AtLimit(state_.write_in_flight());
      },
      [this, &step]() MSGPROC_REQUIRES(mutex_) {
        if (session_ == nullptr) return StreamState::Supply();
        const HostedSession::Output output =
            session_->TakeResults(this, &pieces_);
        if (output.can_resume) step.resumed = session_;
        write_told_ = output.told;
        return StreamState::Supply{.results = output.results,
                                   .all_taken = output.all_taken};
      });
  if (step.actions.write) {
    wire::ToByteBuffer(state_.TakeHead(), &pieces_, &write_buffer_);
  }
  if (step.actions.finish) {
    step.status = base::ToGrpcStatus(state_.status());
    step.why = std::string(state_.Why());
    step.ended = session_;
    step.sent_away = state_.drain_sent();
  }
  return step;
}

void ProcessReactor::OnDone() {
  canceller_.Close();
  // Both go without the lock.
  const auto [session, self] =
      Tell([this](StreamState* /*state*/) MSGPROC_REQUIRES(mutex_) {
        return std::pair(std::move(session_), std::move(self_));
      });
  // Attached after the stream was finished.
  if (session != nullptr) processor_->sessions()->Detach(session, this, false);
  on_gone_(self);
}

}  // namespace msgproc::processor
