#include "services/processor/session/session_commits.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/check.h"
#include "services/processor/handlers/message_effects.h"
#include "services/processor/store/outcomes.h"
#include "wire/entry_log.h"
#include "wire/pieces.h"

namespace msgproc::processor {
namespace {

// What a worker's statement is reckoned to take in the store, so that a group's
// transaction stays short.
constexpr absl::Duration kStatementTime = absl::Microseconds(20);

}  // namespace

GroupCommit::Load SessionCommits::LoadOf(const Batch& batch) {
  GroupCommit::Load load = {.bytes = batch.results.bytes()};
  for (const SharedEffects& effects : batch.effects) {
    load.bytes += effects->bytes;
    load.work += kStatementTime * effects->statements.size();
  }
  return load;
}

SessionCommits::SessionCommits(const Claim& claim, const Claimed& claimed,
                               absl::Time now, absl::Duration touch_interval)
    : claim_(claim),
      trimmed_through_(claimed.trimmed_through),
      touch_interval_(touch_interval),
      touched_at_(now) {
  MSGPROC_CHECK(claimed.status.ok());
  MSGPROC_CHECK_GT(claimed.epoch, 0u);
  claim_.epoch = claimed.epoch;
}

bool SessionCommits::OnUse(absl::Time now) {
  if (now - touched_at_ < touch_interval_) return false;
  touched_at_ = now;
  touch_ = true;
  return true;
}

bool SessionCommits::OnLeft(const Session& session) {
  trim_ = session.received_through() > trimmed_through_;
  settles_ = true;
  return trim_ || (session.unanswered() == 0 && session.AllCommitted());
}

void SessionCommits::OnWorkerDied(const Tries& tries) {
  // One number stands for all that the session has under way: the largest.
  if (!tries_ || std::tie(tries.deaths, tries.behind) >
                     std::tie(tries_->deaths, tries_->behind)) {
    tries_ = tries;
  }
}

void SessionCommits::TakeTries(const Session& session, SessionWrite* write) {
  write->tries = std::exchange(tries_, std::nullopt);
  if (settles_ && session.unanswered() == 0 && session.uncommitted() == 0) {
    settles_ = false;
    write->tries = Tries{.begun = 0, .behind = session.accepted_through()};
  }
}

void SessionCommits::OnWorkerCommitted(uint64_t through) {
  MSGPROC_CHECK_LE(by_worker_through_, through);
  by_worker_through_ = through;
}

Claim SessionCommits::BeginReclaim(const Session& session) {
  reclaiming_ = true;
  return Anew(session);
}

void SessionCommits::OnReclaimed(uint64_t epoch) {
  MSGPROC_CHECK_GT(epoch, claim_.epoch);
  reclaiming_ = false;
  claim_.epoch = epoch;
}

Claim SessionCommits::Anew(const Session& session) const {
  Claim claim = claim_;
  claim.anew = true;
  claim.received_through =
      std::max(claim.received_through, session.received_through());
  return claim;
}

SessionWrite SessionCommits::Take(Session* session, size_t max_bytes,
                                  bool with_results) {
  SessionWrite write;
  write.session_id = claim_.session_id;
  write.epoch = claim_.epoch;
  if (fenced_) return write;
  // Once: behind it there is no session.
  write.finish = std::exchange(finished_, false);
  write.tombstone = write.finish && OpensMayBeUnderWay(claim_.epoch);
  write.touch = std::exchange(touch_, false);
  // A store that has lost commits is found out by what the client has received,
  // also when nothing else comes any more.
  if (write.finish || trim_ || commits_since_trim_ >= kCommitsPerTrim) {
    trim_ = false;
    commits_since_trim_ = 0;
    if (session->received_through() > trimmed_through_) {
      write.trim_through = session->received_through();
    }
  }
  if (!with_results) {
    TakeTries(*session, &write);
    return write;
  }
  MSGPROC_CHECK_EQ(run_.size, 0u);
  std::vector<wire::Piece> pieces;
  const uint64_t next = session->next_uncommitted();
  if (next <= by_worker_through_) {
    // As a whole: rows of the store are not cut.
    run_ = session->TakeUncommitted(SIZE_MAX, &pieces,
                                    by_worker_through_ - next + 1);
  } else {
    run_ = session->TakeUncommitted(max_bytes, &pieces);
  }
  cut_ = session->uncommitted() > 0;
  TakeTries(*session, &write);
  if (run_.size == 0) return write;
  write.by_worker = next <= by_worker_through_;
  write.first = run_.first_position;
  write.through = run_.first_position + run_.size - 1;
  wire::AppendPieces(pieces, &write.results);
  write.effects = session->EffectsOf(run_);
  return write;
}

bool SessionCommits::OnCommitted(Session* session, const SessionWrite& write,
                                 uint64_t epoch) {
  claim_.epoch = std::max(claim_.epoch, epoch);
  if (write.has_results()) ++commits_since_trim_;
  trimmed_through_ = std::max(trimmed_through_, write.trim_through);
  if (run_.size == 0) return false;
  const Session::Run run = std::exchange(run_, Session::Run());
  if (!write.amended) {
    session->OnCommitted(run);
    return cut_;
  }
  const Outcome outcome = {write.first, write.through, write.results};
  absl::StatusOr<wire::EntryLog> amended =
      ReadOutcomes({&outcome, 1}, write.first - 1, write.through);
  // This process has written them itself.
  MSGPROC_CHECK(amended.ok());
  session->OnCommitted(run, &*amended);
  return cut_;
}

void SessionCommits::OnNotCommitted(Session* session, const SessionWrite& write,
                                    uint64_t epoch) {
  claim_.epoch = std::max(claim_.epoch, epoch);
  // With the next one.
  trim_ = trim_ || write.trim_through > 0;
  touch_ = touch_ || write.touch;
  if (write.tries) {
    if (write.tries->begun == 0) {
      settles_ = true;
    } else {
      OnWorkerDied(*write.tries);
    }
  }
  finished_ = finished_ || write.finish;
  if (run_.size > 0) {
    session->OnNotCommitted(std::exchange(run_, Session::Run()));
  }
}

StateDump SessionCommits::Dump(absl::Time now) const {
  StateDump dump("processor::SessionCommits",
                 {{"epoch", claim_.epoch},
                  {"fenced", fenced_},
                  {"reclaiming", reclaiming_},
                  {"run_first_position", run_.first_position},
                  {"run_size", run_.size},
                  {"cut", cut_},
                  {"by_worker_through", by_worker_through_},
                  {"trimmed_through", trimmed_through_},
                  {"commits_since_trim", commits_since_trim_},
                  {"trim", trim_},
                  {"touch", touch_},
                  {"touched_at", When(touched_at_, now)},
                  {"touch_interval", touch_interval_},
                  {"settles", settles_},
                  {"finished", finished_},
                  {"tries_to_write", tries_.has_value()}});
  if (tries_.has_value()) {
    dump.Add("tries_begun", tries_->begun);
    dump.Add("tries_deaths", tries_->deaths);
    dump.Add("tries_behind", tries_->behind);
  }
  return dump;
}

}  // namespace msgproc::processor
