#include "services/processor/session/hosted_session.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <utility>

#include "common/check.h"
#include "services/processor/executors/executor.h"
#include "services/processor/session/session_counts.h"
#include "services/processor/store/reclaim.h"
#include "services/processor/store/session_committer.h"

namespace msgproc::processor {
namespace {

std::atomic<uint64_t> next_number{1};

// Results of batches that took longer are worth gathering: what a frame costs
// is to go to the handlers. Others leave at once: the client waits for them.
constexpr absl::Duration kWorthGathering = absl::Microseconds(100);

}  // namespace

HostedSession::HostedSession(Identity identity, HandlerBinding* binding,
                             const SessionLimits& limits,
                             ProcessorCounters* counters, const Clock* clock,
                             MemoryBudget* memory, const Stored* stored)
    : identity_(std::move(identity)),
      binding_(binding),
      runs_at_once_(binding->executor->LimitsFor(*binding).runs_at_once),
      counters_(counters),
      clock_(clock),
      committer_(stored == nullptr ? nullptr : stored->committer),
      number_(next_number.fetch_add(1, std::memory_order_relaxed)),
      session_(stored != nullptr      ? Session::Kind::kStored
               : identity_.id.empty() ? Session::Kind::kAnonymous
                                      : Session::Kind::kOpened,
               limits),
      batches_(binding, number_, this),
      share_(memory, kBytes),
      recorder_(*binding, identity_.id, stored != nullptr, clock) {
  // A secret goes with a name, and a name with a secret.
  MSGPROC_CHECK_EQ(identity_.id.empty(), identity_.token.empty());
  if (stored == nullptr) return;
  MSGPROC_CHECK(committer_ != nullptr);
  commits_.emplace(*stored->claim, *stored->claimed, clock_->Now(),
                   committer_->touch_interval());
  // A client sends no more than its window without a result.
  batches_.SetTries(
      stored->claimed->tries,
      stored->claimed->committed_through + limits.max_outstanding_messages);
  if (stored->claimed->created) return;
  session_.Restore(stored->claim->received_through,
                   stored->claimed->committed_through,
                   std::move(*stored->results));
  epoch_ = session_.epoch();
}

HostedSession::~HostedSession() {
  MutexLock lock(&mutex_);
  ProcessorCounters::Add(&counters_->outstanding,
                         -static_cast<int64_t>(session_.unanswered()));
}

absl::Status HostedSession::TakeQuota(std::shared_ptr<PrincipalQuota> quota) {
  MutexLock lock(&mutex_);
  quota_.Set(std::move(quota));
  return quota_.Take(/*session=*/!anonymous());
}

HostedSession::Attached HostedSession::Attach(
    std::shared_ptr<AttachedStream> attachment, uint64_t received_through,
    std::shared_ptr<const SessionContext> context) {
  MutexLock lock(&mutex_);
  MSGPROC_CHECK(attachment != nullptr);
  if (context != nullptr) {
    MSGPROC_CHECK_EQ(context->session_id, identity_.id);
    context_ = std::move(context);
  } else if (context_ == nullptr) {
    context_ = std::make_shared<const SessionContext>(
        SessionContext{.session_id = identity_.id,
                       .client_name = identity_.client_name,
                       .idempotency_scope = identity_.id});
  }
  Attached attached;
  attached.before = std::exchange(attachment_, std::move(attachment));
  if (commits_) commits_->OnAttached(context_->trace_id);
  const uint64_t unanswered = session_.unanswered();
  attached.opening = session_.Open(received_through);
  recorder_.OnAttached(session_, *context_, attached.before != nullptr,
                       attached.opening);
  attached.accepted_through = session_.accepted_through();
  MSGPROC_CHECK_GE(attached.accepted_through, received_through);
  CountRestarted(unanswered);
  Account();
  return attached;
}

void HostedSession::SetPrincipal(const AttachedStream* attachment,
                                 const base::Principal& principal) {
  MutexLock lock(&mutex_);
  if (attachment_.get() != attachment) return;
  // Batches that are out share the one there is.
  auto context = std::make_shared<SessionContext>(*context_);
  context->principal = principal;
  context_ = std::move(context);
}

bool HostedSession::Detach(const AttachedStream* attachment) {
  MutexLock lock(&mutex_);
  if (attachment_.get() != attachment) return false;
  attachment_.reset();
  recorder_.OnDetached();
  quota_.LeaveStream();
  reading_ = writing_ = 0;
  if (anonymous()) Restart(session_.accepted_through());
  Account();
  if (commits_ && commits_->OnLeft(session_)) AskToCommit({});
  Trim();
  if (anonymous()) TellAbandoned();
  return true;
}

void HostedSession::TellAbandoned() {
  if (!std::exchange(abandoned_, false)) return;
  mutex_.Unlock();
  binding_->executor->OnAbandoned(number_);
  mutex_.Lock();
}

void HostedSession::CountRestarted(uint64_t unanswered_before) {
  ProcessorCounters::Add(&counters_->outstanding,
                         static_cast<int64_t>(session_.unanswered()) -
                             static_cast<int64_t>(unanswered_before));
  // Of those that run at once nothing is out but what the caller runs.
  if (!runs_at_once_ && unanswered_before > 0 && epoch_ != session_.epoch()) {
    abandoned_ = true;
  }
  if (epoch_ != session_.epoch()) recorder_.OnRestarted();
  epoch_.store(session_.epoch(), std::memory_order_relaxed);
}

absl::Status HostedSession::OnFrame(const AttachedStream* attachment,
                                    const wire::RequestFrame& frame) {
  absl::Status status;
  std::shared_ptr<AttachedStream> other;
  {
    MutexLock lock(&mutex_);
    if (attachment_.get() != attachment) {
      return absl::AbortedError("Another stream took the session over.");
    }
    if (commits_ && commits_->fenced()) {
      return absl::AbortedError("Another server has the session.");
    }
    status = session_.Acknowledge(frame.received_through);
    recorder_.OnAcknowledged(session_);
    if (status.ok() && !frame.messages.empty()) {
      status = AcceptMessages(frame.messages);
    }
    // A heartbeat: what a burst has left behind is not needed for now.
    if (frame.messages.empty()) {
      reading_ = 0;
      Trim();
    }
    if (commits_ && commits_->OnUse(clock_->Now())) AskToCommit({});
    // What was acknowledged may have made room for results.
    Pump();
    Account();
    other = OtherThan(attachment);
  }
  if (other != nullptr) other->OnResultsReady(false);
  return status;
}

absl::Status HostedSession::AcceptMessages(
    absl::Span<const wire::MessageView> messages) {
  const Session::Acceptance acceptance =
      session_.Accept(messages, clock_->Now());
  const auto accepted = messages.first(acceptance.accepted);
  reading_ = 0;
  if (!accepted.empty()) {
    reading_ = CountAccepted(accepted, counters_);
    recorder_.OnAccepted(session_.accepted_through(), accepted);
    if (runs_at_once_ && !quota_.limited() && !pumping_ &&
        session_.CanDispatchDirectly()) {
      RunDirectly(accepted);
    } else {
      session_.Enqueue(accepted);
    }
  }
  return acceptance.status;
}

void HostedSession::RunDirectly(absl::Span<const wire::MessageView> messages) {
  std::unique_ptr<Batch> batch =
      batches_.New(session_.DispatchDirectly(messages.size()), context_);
  batch->messages = messages;
  recorder_.OnGivenOut(batch.get());
  mutex_.Unlock();
  batch = binding_->executor->Execute(std::move(batch));
  MSGPROC_CHECK(batch != nullptr);
  CountHandled(*batch, counters_);
  mutex_.Lock();
  Complete(std::move(batch));
}

void HostedSession::Pump() {
  if (pumping_) return;
  pumping_ = true;
  TellAbandoned();
  while (true) {
    session_.LimitResults(share_.ResultRoom(anonymous()));
    if (session_.pending_messages() == 0) break;
    const Executor::Limits limits = binding_->executor->LimitsFor(*binding_);
    const uint64_t admitted =
        quota_.limited() && session_.CanProcess()
            ? quota_.Admit(shared_from_this(), clock_->Now(),
                           session_.input_closed())
            : UINT64_MAX;
    if (admitted == 0) break;
    if (binding_->traits.workers_commit && !session_.AllCommitted()) break;
    const uint64_t messages = limits.ShareOf(session_.pending_messages());
    const size_t held = session_.bytes();
    const Session::Run run =
        session_.NextBatch(limits.max_batches, std::min(messages, admitted),
                           limits.max_bytes, &pieces_);
    if (run.size == 0) break;
    quota_.Charge(run.size, pieces_, clock_->Now());
    if (!runs_at_once_) batches_.CountOut(run, held - session_.bytes());
    std::unique_ptr<Batch> batch = batches_.New(run, context_);
    // The batch's own, which is empty, brings memory for the next one.
    batch->pieces.swap(pieces_);
    if (!runs_at_once_) batch->owner = shared_from_this();
    batch->store_epoch = commits_ ? commits_->epoch() : 0;
    recorder_.OnGivenOut(batch.get());
    mutex_.Unlock();
    batch = binding_->executor->Execute(std::move(batch));
    if (batch != nullptr) CountHandled(*batch, counters_);
    mutex_.Lock();
    if (batch != nullptr) Complete(std::move(batch));
  }
  pumping_ = false;
}

void HostedSession::Complete(std::unique_ptr<Batch> batch) {
  const Session::Run run = {batch->epoch, batch->first_position, batch->size};
  recorder_.OnReturned(session_.epoch(), batch.get());
  const auto load = SessionCommits::LoadOf(*batch);
  if (!batch->given_back.empty()) session_.TakeBack(run, batch->given_back);
  if (session_.Complete(run, &batch->results, &batch->effects)) {
    CountReady(&session_, clock_->Now(), &binding_->counters, counters_);
    if (batch->committed_by_worker > 0) {
      commits_->OnWorkerCommitted(run.first_position +
                                  batch->committed_by_worker - 1);
    }
    if (batch->committed) {
      session_.CommitReady();
      recorder_.OnCommitted(session_.committed_through());
    } else if (commits_) {
      AskToCommit(load);
    }
  }
  batches_.Return(std::move(batch));
}

void HostedSession::OnBatchDone(std::unique_ptr<Batch> batch) {
  CountHandled(*batch, counters_);
  const bool gather = batch->handler_time > kWorthGathering;
  std::shared_ptr<AttachedStream> attachment;
  bool more = false;
  {
    MutexLock lock(&mutex_);
    Complete(std::move(batch));
    Pump();
    Account();
    if (session_.HasResultsToTake() || session_.AllTaken()) {
      attachment = attachment_;
      more = gather && session_.unanswered() > 0;
    }
  }
  if (attachment != nullptr) attachment->OnResultsReady(more);
}

HostedSession::Output HostedSession::TakeResults(
    const AttachedStream* attachment, std::vector<wire::Piece>* pieces) {
  MutexLock lock(&mutex_);
  Output output;
  if (attachment_.get() != attachment) return output;
  const size_t held = session_.bytes();
  const size_t first_piece = pieces->size();
  output.results = session_.TakeResults(wire::kMaxFrameBytes - 1024, pieces);
  output.told = recorder_.OnTaken(session_.taken_through(), output.results,
                                  *pieces, first_piece);
  const size_t let_go = held - session_.bytes();
  if (std::exchange(writing_, let_go) != let_go) Account();
  output.all_taken = session_.AllTaken();
  output.can_resume = output.results > 0 && session_.CanProcess() && !pumping_;
  return output;
}

void HostedSession::OnWritten(const AttachedStream* attachment) {
  MutexLock lock(&mutex_);
  if (attachment_.get() == attachment) recorder_.OnWritten();
}

void HostedSession::Resume(const AttachedStream* attachment) {
  std::shared_ptr<AttachedStream> other;
  {
    MutexLock lock(&mutex_);
    Pump();
    Account();
    other = OtherThan(attachment);
  }
  if (other != nullptr) other->OnResultsReady(false);
}

void HostedSession::CloseInput(const AttachedStream* attachment) {
  {
    MutexLock lock(&mutex_);
    if (attachment_.get() != attachment) return;
    session_.CloseInput();
    recorder_.OnInputClosed();
    reading_ = 0;
  }
  Resume(attachment);
}

bool HostedSession::AtLimit(bool unread) {
  MutexLock lock(&mutex_);
  if (session_.AtLimit()) return true;
  // An acknowledgement that may be on its way would free something.
  const bool may_free = !unread && session_.AwaitsAcknowledgement();
  // Who has acknowledged before is believed to do so with what it sends.
  const size_t more = session_.received_through() > 0 ? 0 : reading_;
  const bool withheld = !share_.MayRead(anonymous(), may_free, more);
  if (withheld && !withheld_) {
    ProcessorCounters::Add(&counters_->memory_pauses, 1);
  }
  withheld_ = withheld;
  return withheld;
}

void HostedSession::AskToCommit(const GroupCommit::Load& load) {
  committer_->OnReady(number_, shared_from_this(), load);
}

void HostedSession::OnCommitted(const SessionWrite& write, uint64_t epoch) {
  std::shared_ptr<AttachedStream> attachment;
  {
    MutexLock lock(&mutex_);
    const bool more = commits_->OnCommitted(&session_, write, epoch);
    recorder_.OnCommitted(session_.committed_through());
    if (more) AskToCommit({.bytes = session_.result_bytes()});
    // Handlers may have waited for what they held, or for the commit.
    if (!write.effects.empty() || binding_->traits.workers_commit) Pump();
    Account();
    if (write.has_results()) attachment = attachment_;
  }
  if (attachment != nullptr) attachment->OnResultsReady(false);
}

void HostedSession::OnFenced(const SessionWrite& write) {
  {
    MutexLock lock(&mutex_);
    if (commits_->WasReclaimed(write)) {
      // By this process. It is written under the new claim.
      commits_->OnNotCommitted(&session_, write, commits_->epoch());
      AskToCommit({});
      return;
    }
  }
  GiveUp();
}

void HostedSession::GiveUp() {
  std::shared_ptr<AttachedStream> attachment;
  {
    MutexLock lock(&mutex_);
    commits_->OnFenced();
    Restart(session_.accepted_through());
    TellAbandoned();
    attachment = attachment_;
  }
  if (attachment != nullptr) attachment->OnTakenOver();
}

void HostedSession::Reclaim(const OnReclaimed& done) {
  const Claim claim = BeginReclaim();
  ReclaimSession(committer_, claim,
                 [self = shared_from_this(), done](Reclaimed reclaimed) {
                   self->TakeClaim(reclaimed);
                   done(std::move(reclaimed));
                 });
}

}  // namespace msgproc::processor
