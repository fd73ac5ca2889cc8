#include "services/processor/session/session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/check.h"
#include "services/processor/handlers/message_effects.h"
#include "wire/entry.h"

namespace msgproc::processor {
Session::Session(Kind kind, const SessionLimits& limits)
    : kind_(kind), limits_(limits), result_limit_(limits.max_result_bytes) {
  pending_cursor_ = pending_.At(1);
  results_cursor_ = commit_cursor_ = results_.At(1);
}

// The order of the drawing. Not between Accept and what must follow it.
void Session::CheckInvariants() const {
  MSGPROC_CHECK_LE(received_through_, taken_through_);
  if (kind_ == Kind::kStored) {
    MSGPROC_CHECK_LE(taken_through_, committed_through_);
    MSGPROC_CHECK_LT(committed_through_, commit_cursor_.position());
    MSGPROC_CHECK_LE(commit_cursor_.position(), results_.next_position());
    MSGPROC_CHECK_LE(runs_committing_, 1u);
  }
  MSGPROC_CHECK_LE(taken_through_, accepted_through_);
  MSGPROC_CHECK_LE(results_.next_position(), pending_.first_position());
  MSGPROC_CHECK_EQ(pending_.next_position(), accepted_through_ + 1);
  MSGPROC_CHECK_EQ(window_.messages(), accepted_through_ - received_through_);
  MSGPROC_CHECK_LE(timed_through_, accepted_through_);
  // Each run that is out has a message that is not ready.
  MSGPROC_CHECK_LE(runs_out_,
                   pending_.first_position() - results_.next_position());
  MSGPROC_CHECK_EQ(reordered_.empty(), reordered_bytes_ == 0);
  MSGPROC_CHECK_LE(results_.first_position(), results_.next_position());
}

void Session::Restore(uint64_t received_through, uint64_t committed_through,
                      wire::EntryLog results) {
  MSGPROC_CHECK(kind_ == Kind::kStored);
  MSGPROC_CHECK(!opened_);
  MSGPROC_CHECK_LE(received_through, committed_through);
  Restart(received_through);
  opened_ = true;
  const uint64_t kept = results.next_position() - results.first_position();
  MSGPROC_CHECK_GE(kept, committed_through - received_through);
  MSGPROC_CHECK_LE(kept, committed_through);
  results_.Reset(committed_through + 1 - kept);
  results_.Splice(&results);
  MSGPROC_CHECK_EQ(results_.next_position(), committed_through + 1);
  accepted_through_ = timed_through_ = committed_through_ = committed_through;
  for (uint64_t i = received_through; i < committed_through; ++i) {
    window_.Push(0);
  }
  pending_.Reset(committed_through + 1);
  pending_cursor_ = pending_.At(committed_through + 1);
  commit_cursor_ = results_.At(committed_through + 1);
  CheckInvariants();
}

void Session::Restart(uint64_t received_through) {
  ++epoch_;
  accepted_through_ = received_through_ = taken_through_ = timed_through_ =
      committed_through_ = received_through;
  runs_out_ = runs_committing_ = 0;
  input_closed_ = false;
  window_ = wire::OutstandingWindow();
  pending_.Reset(received_through + 1);
  pending_cursor_ = pending_.At(received_through + 1);
  results_.Reset(received_through + 1);
  results_cursor_ = commit_cursor_ = results_.At(received_through + 1);
  reordered_.clear();
  reordered_bytes_ = 0;
  effects_.Clear();
  stamps_ = wire::Ring<Stamp>();
  CheckInvariants();
}

absl::Status Session::Acknowledge(uint64_t received_through) {
  if (kind_ == Kind::kAnonymous || received_through <= received_through_) {
    return absl::OkStatus();
  }
  if (received_through > committed_through()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "received_through is ", received_through,
        ", but results exist only up to ", committed_through(), "."));
  }
  window_.Pop(received_through - received_through_);
  received_through_ = received_through;
  // After a resumption the client may have received more than was rewound to.
  if (taken_through_ < received_through) {
    taken_through_ = received_through;
    results_cursor_ = results_.At(received_through + 1);
  }
  results_.ReleaseThrough(received_through);
  CheckInvariants();
  return absl::OkStatus();
}

Session::Opening Session::Open(uint64_t received_through) {
  const absl::string_view why_not = WhyNotResume(received_through);
  opened_ = true;
  if (why_not.empty()) {
    Resume(received_through);
    return {.state = State::kResumed};
  }
  Restart(received_through);
  if (received_through == 0) return {.state = State::kNew};
  return {.state = State::kLost, .why_lost = why_not};
}

absl::string_view Session::WhyNotResume(uint64_t received_through) const {
  if (!opened_) return "this server does not have the session";
  if (received_through > accepted_through_) {
    return "the client has results of messages that never came here";
  }
  if (std::max(received_through, received_through_) + 1 <
      results_.first_position()) {
    return "results that the client has not received were dropped";
  }
  return "";
}

void Session::Resume(uint64_t received_through) {
  MSGPROC_CHECK(kind_ != Kind::kAnonymous);
  MSGPROC_CHECK_LE(received_through, accepted_through_);
  input_closed_ = false;
  if (received_through > received_through_) {
    window_.Pop(received_through - received_through_);
    received_through_ = received_through;
  }
  taken_through_ = received_through_;
  results_.ReleaseThrough(received_through_);
  results_cursor_ = results_.At(results_.first_position());
  CheckInvariants();
}

absl::Status Session::Check(const wire::MessageView& message) const {
  if (kind_ != Kind::kAnonymous && message.sequence != accepted_through_ + 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Message ", message.sequence, " follows message ", accepted_through_,
        "; the next sequence is ", accepted_through_ + 1, "."));
  }
  if (absl::Status sizes = CheckSizes(message, limits_); !sizes.ok()) {
    return sizes;
  }
  if (kind_ == Kind::kAnonymous) return absl::OkStatus();
  if (pending_.bytes() + message.body.size() > MaxEncodedBytes(limits_) &&
      !pending_.empty()) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "Message ", message.sequence, " exceeds the window: ", pending_.bytes(),
        " encoded bytes are waiting; at most ", MaxEncodedBytes(limits_),
        " are allowed."));
  }
  if (!window_.Fits(message.window_bytes(), limits_.max_outstanding_messages,
                    limits_.max_outstanding_bytes)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "Message ", message.sequence, " exceeds the window: ",
        window_.messages(), " messages of ", window_.bytes(),
        " bytes are beyond received_through ", received_through_, "; at most ",
        limits_.max_outstanding_messages, " messages and ",
        limits_.max_outstanding_bytes, " bytes are allowed."));
  }
  return absl::OkStatus();
}

Session::Acceptance Session::Accept(
    absl::Span<const wire::MessageView> messages, absl::Time now) {
  Acceptance acceptance;
  if (messages.size() > limits_.max_batch_messages) {
    acceptance.status = absl::InvalidArgumentError(absl::StrCat(
        "The request has ", messages.size(), " messages; at most ",
        limits_.max_batch_messages, " are allowed (max_batch_messages)."));
    return acceptance;
  }
  for (const wire::MessageView& message : messages) {
    acceptance.status = Check(message);
    if (!acceptance.status.ok()) break;
    window_.Push(message.window_bytes());
    ++accepted_through_;
    ++acceptance.accepted;
  }
  if (acceptance.accepted > 0) stamps_.PushBack({accepted_through_, now});
  return acceptance;
}

void Session::Enqueue(absl::Span<const wire::MessageView> messages) {
  for (const wire::MessageView& message : messages) {
    wire::AppendEncoded(&pending_, message.body);
  }
  CheckInvariants();
}

bool Session::CanDispatchDirectly() const {
  return pending_.empty() && runs_out_ == 0 && !Paused();
}

Session::Run Session::DispatchDirectly(uint64_t messages) {
  MSGPROC_CHECK_GT(messages, 0U);
  MSGPROC_CHECK(CanDispatchDirectly());
  // Just accepted, and all of it.
  MSGPROC_CHECK_EQ(pending_.next_position() + messages, accepted_through_ + 1);
  ++runs_out_;
  const Run run = {epoch_, accepted_through_ + 1 - messages, messages};
  // They pass by the queue, which stays empty, at the position behind them.
  pending_.Reset(accepted_through_ + 1);
  pending_cursor_ = pending_.At(accepted_through_ + 1);
  CheckInvariants();
  return run;
}

Session::Run Session::NextBatch(uint64_t max_batches, uint64_t max_messages,
                                size_t max_bytes,
                                std::vector<wire::Piece>* pieces) {
  Run run = {epoch_, pending_.first_position(), 0};
  if (pending_.empty() || runs_out_ >= max_batches || Paused()) return run;
  run.size =
      pending_.Take(&pending_cursor_, max_messages, max_bytes, pieces).entries;
  MSGPROC_CHECK_GT(run.size, 0U);
  pending_.ReleaseThrough(run.first_position + run.size - 1);
  ++runs_out_;
  CheckInvariants();
  return run;
}

void Session::TakeBack(const Run& run, const std::vector<wire::Piece>& rest) {
  if (run.epoch != epoch_) return;
  wire::PrependEntries(&pending_, run.first_position + run.size, rest);
  pending_cursor_ = pending_.At(pending_.first_position());
}

bool Session::Complete(const Run& run, wire::EntryLog* results,
                       std::vector<SharedEffects>* effects) {
  if (run.epoch != epoch_) return false;
  if (effects != nullptr && !effects->empty()) {
    // A position is a sequence there.
    MSGPROC_CHECK(kind_ == Kind::kStored);
    MSGPROC_CHECK_LE(run.first_position, effects->front()->sequence);
    MSGPROC_CHECK_LT(effects->back()->sequence, run.first_position + run.size);
    effects_.Add(effects);
  }
  MSGPROC_CHECK_GT(runs_out_, 0U);
  MSGPROC_CHECK_LT(run.first_position + run.size - 1,
                   pending_.first_position());
  // One result for each message, and each message once.
  MSGPROC_CHECK_EQ(results->next_position() - results->first_position(),
                   run.size);
  MSGPROC_CHECK_LE(results_.next_position(), run.first_position);
  --runs_out_;
  if (run.first_position != results_.next_position()) {
    reordered_bytes_ += results->bytes();
    const bool once =
        reordered_.emplace(run.first_position, std::move(*results)).second;
    MSGPROC_CHECK(once);
    *results = wire::EntryLog();
    return true;
  }
  results_.Splice(results);
  for (auto next = reordered_.begin();
       next != reordered_.end() && next->first == results_.next_position();
       next = reordered_.erase(next)) {
    reordered_bytes_ -= next->second.bytes();
    results_.Splice(&next->second);
  }
  DropReceived();
  CheckInvariants();
  return true;
}

// What another server answered meanwhile.
void Session::DropReceived() {
  if (results_cursor_.position() > received_through_) return;
  results_.ReleaseThrough(received_through_);
  results_cursor_ = results_.At(results_.first_position());
}

Session::Run Session::TakeUncommitted(size_t max_bytes,
                                      std::vector<wire::Piece>* pieces,
                                      uint64_t max_messages) {
  Run run = {epoch_, commit_cursor_.position(), 0};
  if (!HasUncommitted()) return run;
  const uint64_t most =
      std::min(max_messages, effects_.FitFrom(run.first_position, max_bytes));
  run.size = results_.Take(&commit_cursor_, most, max_bytes, pieces).entries;
  MSGPROC_CHECK_GT(run.size, 0U);
  MSGPROC_CHECK_EQ(run.first_position, committed_through_ + 1);
  ++runs_committing_;
  CheckInvariants();
  return run;
}

void Session::OnCommitted(const Run& run, wire::EntryLog* amended) {
  if (run.epoch != epoch_) return;
  MSGPROC_CHECK_EQ(runs_committing_, 1U);
  MSGPROC_CHECK_EQ(run.first_position, committed_through_ + 1);
  if (amended != nullptr) {
    // What is not committed is nobody's yet, so results can still change.
    wire::ReplaceEntries(&results_, run.first_position, amended);
    results_cursor_ = results_.At(results_cursor_.position());
    commit_cursor_ = results_.At(run.first_position + run.size);
  }
  --runs_committing_;
  committed_through_ += run.size;
  effects_.ForgetThrough(committed_through_);
  CheckInvariants();
}

void Session::OnNotCommitted(const Run& run) {
  if (run.epoch != epoch_) return;
  MSGPROC_CHECK_EQ(runs_committing_, 1U);
  MSGPROC_CHECK_EQ(run.first_position, committed_through_ + 1);
  --runs_committing_;
  commit_cursor_ = results_.At(run.first_position);
  CheckInvariants();
}

void Session::CommitReady() {
  MSGPROC_CHECK(kind_ == Kind::kStored);
  MSGPROC_CHECK_EQ(runs_committing_, 0U);
  committed_through_ = ready_through();
  commit_cursor_ = results_.At(results_.next_position());
  CheckInvariants();
}

uint64_t Session::TakeResults(size_t max_bytes,
                              std::vector<wire::Piece>* pieces) {
  uint64_t most = wire::kFrameMessages;
  if (kind_ == Kind::kStored) {
    most = std::min(most, committed_through_ - taken_through_);
    if (most == 0) return 0;
  }
  const uint64_t taken =
      results_.Take(&results_cursor_, most, max_bytes, pieces).entries;
  taken_through_ += taken;
  if (kind_ == Kind::kAnonymous) {
    // Nobody will ask for them again.
    window_.Pop(taken);
    received_through_ = taken_through_;
    results_.ReleaseThrough(taken_through_);
  } else {
    LetGoOfTaken();
  }
  CheckInvariants();
  return taken;
}

void Session::CloseInput() {
  input_closed_ = true;
  LetGoOfTaken();
}

void Session::LimitResults(size_t bytes) {
  result_limit_ = std::min(bytes, limits_.max_result_bytes);
  // They may be what processing waits for from now on.
  LetGoOfTaken();
}

void Session::LetGoOfTaken() {
  if (input_closed_ && Paused() && !pending_.empty()) {
    results_.ReleaseThrough(taken_through_);
  }
}

void Session::Trim() {
  window_.Trim();
  stamps_.Trim();
}

bool Session::AtLimit() const {
  return kind_ == Kind::kAnonymous &&
         (window_.messages() >= limits_.max_outstanding_messages ||
          window_.bytes() >= limits_.max_outstanding_bytes ||
          pending_.bytes() >= MaxEncodedBytes(limits_) || Paused());
}

absl::optional<absl::Time> Session::OldestAcceptedAt() const {
  for (size_t i = 0; i < stamps_.size(); ++i) {
    if (stamps_[i].through > ready_through()) return stamps_[i].accepted_at;
  }
  return absl::nullopt;
}

bool Session::NextTimed(Timed* timed) {
  const uint64_t ready = ready_through();
  if (stamps_.empty() || timed_through_ >= ready) return false;
  const Stamp& stamp = stamps_.front();
  const uint64_t through = std::min(ready, stamp.through);
  MSGPROC_CHECK_GT(through, timed_through_);
  timed->messages = through - timed_through_;
  timed->accepted_at = stamp.accepted_at;
  timed_through_ = through;
  if (through == stamp.through) stamps_.PopFront();
  return true;
}

}  // namespace msgproc::processor
