#include "tests/simulation/stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "services/processor/stream/drain_message.h"
#include "services/processor/stream/stream_log.h"
#include "wire/pieces.h"

namespace msgproc::simulation {
namespace {

using processor::HostedSession;
using processor::StreamState;

constexpr absl::Duration kThread = absl::Microseconds(20);

}  // namespace

Stream::Stream(Owner owner, std::shared_ptr<Call> call, Random random,
               absl::Duration max_age)
    : owner_(std::move(owner)),
      call_(std::move(call)),
      random_(random),
      principal_(&owner_.context->access()),
      input_(owner_.context, &peer_, &principal_),
      state_(owner_.context->patience(), Now(), Now() + max_age) {
  call_->Listen(Call::kServer, this);
}

void Stream::Later(std::function<void()> what) {
  ++threads_;
  owner_.host->After(random_.UpTo(kThread),
                     [self = shared_from_this(), what = std::move(what)] {
                       what();
                       --self->threads_;
                       self->DoneIfOver();
                     });
}

void Stream::OnFrame(std::string bytes) {
  if (!state_.OnRead(Now())) return DoneIfOver();
  Later([this, bytes = std::move(bytes)] {
    const grpc::Slice slice(bytes);
    grpc::ByteBuffer buffer(&slice, 1);
    Conclude(input_.Process(&buffer, session_, shared_from_this()));
  });
}

void Stream::Conclude(processor::StreamInput::Outcome outcome) {
  if (outcome.claim) {
    if (!state_.OnClaiming()) return;
    ++threads_;
    return owner_.claim(*std::move(outcome.claim), shared_from_this());
  }
  if (outcome.opened != nullptr) {
    session_ = std::move(outcome.opened);
    state_.OnOpened(session_->anonymous(), outcome.head);
    outcome.head.clear();
  }
  if (outcome.answered && outcome.status.ok()) state_.OnAnswered(outcome.head);
  if (state_.OnProcessed(outcome.messages, outcome.bytes, outcome.status)) {
    CloseInput();
  }
  Advance();
}

void Stream::OnClaimed(const absl::StatusOr<processor::Claimed>& claimed) {
  Conclude(input_.OnClaimed(claimed, shared_from_this()));
  --threads_;
  DoneIfOver();
}

void Stream::OnReadEnded() {
  if (call_->broken(Call::kServer)) return OnBroken();
  End(StreamState::End::kHalfClose, absl::OkStatus());
}

void Stream::OnWritten(bool ok) {
  state_.OnWritten();
  if (!ok) return OnBroken();
  Advance();
}

void Stream::OnBroken() {
  End(StreamState::End::kBroken, absl::CancelledError("The call is broken."));
}

void Stream::OnResultsReady(bool more) {
  Later([this, more] {
    if (!more) return Decide();
    if (state_.GatherResults()) PostMarker();
  });
}

void Stream::OnTakenOver() {
  Later([this] {
    End(StreamState::End::kTakenOver,
        absl::AbortedError("Another stream has taken the session over."));
  });
}

void Stream::End(StreamState::End end, absl::Status why) {
  if (state_.OnEnd(end, std::move(why))) CloseInput();
  Advance();
}

void Stream::CloseInput() {
  Later([this] {
    if (session_ != nullptr) session_->CloseInput(this);
  });
}

bool Stream::Drain(v1::Drain::Reason reason, const std::string& address,
                   absl::Duration grace) {
  const bool told = state_.Drain(processor::EncodeDrain(reason, address, grace),
                                 processor::DrainReasonName(reason));
  if (told) Advance();
  return told;
}

void Stream::Stop(absl::string_view why) {
  End(StreamState::End::kStopped, absl::UnavailableError(why));
}

void Stream::Tick() {
  using Verdict = StreamState::Verdict;
  CheckUnread();
  const bool limited = session_ != nullptr && session_->Limited();
  if (limited) session_->Resume(this);
  if (limited || state_.withheld()) Advance();
  const bool starves = session_ != nullptr && session_->Starves();
  const Verdict verdict = state_.OnTick(Now(), starves);
  if (verdict == Verdict::kPatient) return;
  if (verdict == Verdict::kAged) {
    Drain(v1::Drain::REASON_AGE, "", absl::Seconds(5));
    return;
  }
  Stop(StreamState::Reproach(verdict, owner_.context->patience()));
  if (verdict == Verdict::kSilent || verdict == Verdict::kStarved) return;
  state_.OnCancelling();
  call_->Cancel(Call::kServer);
}

void Stream::CheckUnread() {
  const absl::Duration patience = owner_.context->patience();
  const bool unread = state_.write_in_flight() &&
                      !call_->broken(Call::kServer) &&
                      Now() - write_started_ > patience;
  if (std::exchange(unread_, unread) && unread) {
    owner_.checker->Fail(
        "unread", absl::StrCat("nobody has read for ",
                               absl::FormatDuration(Now() - write_started_),
                               ", and the stream goes on"));
  }
}

void Stream::PostMarker() {
  Later([this] {
    state_.OnMarkerReached();
    Decide();
  });
}

void Stream::Advance() {
  Later([this] { Decide(); });
}

void Stream::Decide() {
  std::shared_ptr<HostedSession> resumed;
  std::vector<wire::Piece> pieces;
  const StreamState::Actions actions = state_.NextActions(
      Now(),
      [this] {
        return session_ != nullptr &&
               session_->AtLimit(state_.write_in_flight());
      },
      [&] {
        if (session_ == nullptr) return StreamState::Supply();
        const HostedSession::Output output =
            session_->TakeResults(this, &pieces);
        if (output.can_resume) resumed = session_;
        return StreamState::Supply{.results = output.results,
                                   .all_taken = output.all_taken};
      });
  std::string bytes;
  if (actions.write) {
    bytes = state_.TakeHead();
    wire::AppendPieces(pieces, &bytes);
  }
  Do(actions, std::move(bytes), std::move(resumed));
}

// One thing after another, with other threads in between.
void Stream::Do(const StreamState::Actions& actions, std::string bytes,
                std::shared_ptr<HostedSession> resumed) {
  if (actions.write) {
    write_started_ = Now();
    call_->Write(Call::kServer, std::move(bytes));
  }
  if (actions.read) {
    Later([this] {
      call_->Read(Call::kServer);
      Later([this] {
        if (state_.OnReadStarted()) Decide();
      });
    });
  }
  if (actions.mark) PostMarker();
  if (actions.finish) {
    Later([this, status = state_.status(), away = state_.drain_sent()] {
      if (session_ != nullptr) {
        owner_.context->sessions()->Detach(session_, this, status.ok(), away);
      }
      finished_ = true;
      call_->Finish(status);
    });
  }
  if (resumed != nullptr) {
    Later([this, resumed = std::move(resumed)] {
      resumed->Resume(this);
      Decide();
    });
  }
}

void Stream::DoneIfOver() {
  if (!finished_ || done_ || threads_ > 0 || call_->Owes(Call::kServer)) return;
  done_ = true;
  call_->Listen(Call::kServer, nullptr);
  if (session_ != nullptr) {
    owner_.context->sessions()->Detach(std::exchange(session_, nullptr), this,
                                       false);
  }
  owner_.on_done(this);
}

void Stream::Die(bool silently) {
  done_ = true;
  call_->Lose(Call::kServer, silently);
  session_ = nullptr;
}

}  // namespace msgproc::simulation
