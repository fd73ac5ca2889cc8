#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "common/state_dump.h"
#include "services/processor/handlers/message_effects.h"
#include "services/processor/session/session_effects.h"
#include "services/processor/session/session_limits.h"
#include "wire/entry_log.h"
#include "wire/frame.h"
#include "wire/outstanding_window.h"
#include "wire/ring.h"

namespace msgproc::processor {

// What a session has accepted, what of it is being processed, and the results
// that its client may not have received. Decides, and touches nothing outside:
// no gRPC, no threads, no clock. Not thread-safe.
//
// Messages stand at positions 1, 2, 3, … in order of acceptance. In an opened
// session a message's position is its sequence; in an anonymous one (rule 1)
// sequences are the client's own business.
//
//   received_through <= taken <= committed <= ready <= dispatched <= accepted
//        |                |          |          |          |           |
//        results cached ..           |          |          |           |
//                   waiting to be written       |          |           |
//                             waiting for a commit         |           |
//                                         being processed              |
//                                                       messages pending
//
// What is ready counts as committed at once, unless the session is kept in a
// store, which says what is. (After a journey to another server and back
// received_through may be beyond what is ready here; not with a store.)
class Session {
 public:
  // kStored: opened, and kept in a store.
  enum class Kind { kAnonymous, kOpened, kStored };

  Session(Kind kind, const SessionLimits& limits);

  // A client opens the session, or opens it again. What Welcome says, and for
  // kLost the reason: LOST is decided here and nowhere else.
  enum class State {
    kNew,      // Nothing was lost: the client has received nothing of it.
    kResumed,  // The client finds here what it lacks.
    kLost,     // It does not, and sends again what it has no result of.
  };
  struct Opening {
    State state = State::kNew;
    absl::string_view why_lost;  // Static; empty unless kLost.
  };
  Opening Open(uint64_t received_through);

  // A session that another process had, as its store knows it: everything up to
  // `committed_through` is done, and `results` has the results behind
  // `received_through`, from the first position that the store still has.
  // Before anything else, and followed by Open.
  void Restore(uint64_t received_through, uint64_t committed_through,
               wire::EntryLog results);

  // Starts anew after `received_through`: the first message accepted will be
  // the one behind it. Batches of the life before are ignored when they return.
  void Restart(uint64_t received_through);

  // The client has every result up to here. INVALID_ARGUMENT beyond what was
  // released; ignored when lower than before, and in anonymous sessions.
  absl::Status Acknowledge(uint64_t received_through);

  // Accepts messages, in order, as long as they keep the rules, and returns how
  // many, with the status of the first that does not: INVALID_ARGUMENT or
  // RESOURCE_EXHAUSTED. Those accepted must be given to Enqueue or
  // DispatchDirectly before anything else is called.
  struct Acceptance {
    size_t accepted = 0;
    absl::Status status;
  };
  Acceptance Accept(absl::Span<const wire::MessageView> messages,
                    absl::Time now);

  // Keeps accepted messages until NextBatch takes them.
  void Enqueue(absl::Span<const wire::MessageView> messages);

  // A run of positions that is being processed.
  struct Run {
    uint64_t epoch = 0;
    uint64_t first_position = 0;
    uint64_t size = 0;
  };

  // Whether just accepted messages may be processed without being kept first.
  bool CanDispatchDirectly() const;
  Run DispatchDirectly(uint64_t messages);

  // Takes pending messages as encoded entries; a run of size 0 when there are
  // none, when `max_batches` runs are out, or while results exceed
  // max_result_bytes or LimitResults.
  Run NextBatch(uint64_t max_batches, uint64_t max_messages, size_t max_bytes,
                std::vector<wire::Piece>* pieces);

  // Takes the results of a run, in whatever order runs come back. False: they
  // belong to a life before and were dropped. `effects`: of a stored session,
  // what they do to the store; null: nothing.
  bool Complete(const Run& run, wire::EntryLog* results,
                std::vector<SharedEffects>* effects = nullptr);

  // A run comes back shorter than it was, with the messages that were behind
  // it: they wait again, in front of all others. It is the only one that is
  // out; Complete follows.
  void TakeBack(const Run& run, const std::vector<wire::Piece>& rest);

  // Of a stored session: appends to `pieces` results that are ready, for the
  // store to commit; OnCommitted or OnNotCommitted follows. A run of size 0:
  // there are none, or some are with the store already.
  Run TakeUncommitted(size_t max_bytes, std::vector<wire::Piece>* pieces,
                      uint64_t max_messages = UINT64_MAX);
  // What the run, which is with the store, does there.
  std::vector<SharedEffects> EffectsOf(const Run& run) const {
    return effects_.Of(run.first_position, run.first_position + run.size - 1);
  }
  // The store has committed the run, or has not and is to be given it again.
  // Ignored when it belongs to a life before. `amended`: the results that it
  // has committed in place of those it was given; null: the same.
  void OnCommitted(const Run& run, wire::EntryLog* amended = nullptr);
  void OnNotCommitted(const Run& run);
  // All that is ready was committed before it came here.
  void CommitReady();

  // Appends to `pieces` the next results to write, in order; returns how many.
  uint64_t TakeResults(size_t max_bytes, std::vector<wire::Piece>* pieces);

  // The client is there and reads, but nothing will be accepted or acknowledged
  // any more. From here on results that were taken are let go when processing
  // would have to wait for an acknowledgement, which cannot come.
  void CloseInput();
  // Whether results were let go that the client has not acknowledged.
  bool Forgotten() const {
    return results_.first_position() > received_through_ + 1;
  }

  bool input_closed() const { return input_closed_; }

  // For now processing pauses at so many bytes of results already, if that is
  // less than max_result_bytes.
  void LimitResults(size_t bytes);
  bool limited() const { return result_limit_ < limits_.max_result_bytes; }

  // Gives back memory that is kept for more messages than there are.
  void Trim();

  // Whether there are messages that NextBatch would give.
  uint64_t pending_messages() const {
    return pending_.next_position() - pending_.first_position();
  }
  bool CanProcess() const { return !pending_.empty() && !Paused(); }

  // Whether everything accepted was answered and taken for writing.
  bool AllTaken() const { return taken_through_ == accepted_through_; }
  // Whether the client has acknowledged everything accepted.
  bool AllReceived() const { return received_through_ == accepted_through_; }
  bool HasResultsToTake() const { return taken_through_ < committed_through(); }
  // Results that are ready and were never given to the store.
  uint64_t uncommitted() const {
    return results_.next_position() - commit_cursor_.position();
  }
  // The first of them, or where it will stand.
  uint64_t next_uncommitted() const { return commit_cursor_.position(); }
  bool AllCommitted() const {
    return committed_through() + 1 == results_.next_position();
  }
  // Whether TakeUncommitted has something to give.
  bool HasUncommitted() const {
    return kind_ == Kind::kStored && runs_committing_ == 0 && uncommitted() > 0;
  }
  // Whether results were taken that the client can acknowledge.
  bool AwaitsAcknowledgement() const {
    return kind_ != Kind::kAnonymous && taken_through_ > received_through_;
  }
  // Whether an anonymous session should be read no further for now.
  bool AtLimit() const;

  // Which life of the session it is: Restart begins another.
  uint64_t epoch() const { return epoch_; }
  uint64_t accepted_through() const { return accepted_through_; }
  uint64_t received_through() const { return received_through_; }
  // Results up to here may leave.
  uint64_t committed_through() const {
    return kind_ == Kind::kStored ? committed_through_ : ready_through();
  }
  // Results up to here were taken for writing, are ready, messages were given
  // to the handler.
  uint64_t taken_through() const { return taken_through_; }
  uint64_t ready_through() const { return results_.next_position() - 1; }
  uint64_t dispatched_through() const { return pending_.first_position() - 1; }
  // When the oldest message was accepted whose result is not ready.
  absl::optional<absl::Time> OldestAcceptedAt() const;
  uint64_t outstanding() const { return window_.messages(); }
  // Messages accepted whose result is not ready.
  uint64_t unanswered() const {
    return accepted_through_ + 1 - results_.next_position();
  }
  // What it holds in memory, about.
  size_t bytes() const { return pending_.bytes() + result_bytes(); }

  // Of these, results, and what they do to the store.
  size_t result_bytes() const {
    return results_.bytes() + reordered_bytes_ + effects_.bytes();
  }

  // Ready results whose acceptance was timed, since the last call: how many and
  // when they were accepted.
  struct Timed {
    uint64_t messages = 0;
    absl::Time accepted_at;
  };
  bool NextTimed(Timed* timed);

  StateDump Dump(absl::Time now) const {
    const absl::optional<absl::Time> oldest = OldestAcceptedAt();
    return StateDump("processor::Session",
                     {{"kind", NameOf(kind_)},
                      {"opened", opened_},
                      {"epoch", epoch_},
                      {"received_through", received_through_},
                      {"taken_through", taken_through_},
                      {"committed_through", committed_through()},
                      {"ready_through", ready_through()},
                      {"dispatched_through", dispatched_through()},
                      {"accepted_through", accepted_through_},
                      {"oldest_accepted_at",
                       oldest.has_value() ? When(*oldest, now) : "never"},
                      {"runs_out", runs_out_},
                      {"runs_committing", runs_committing_},
                      {"next_uncommitted", next_uncommitted()},
                      {"reordered", reordered_.size()},
                      {"reordered_bytes", reordered_bytes_},
                      {"input_closed", input_closed_},
                      {"forgotten", Forgotten()},
                      {"paused", Paused()},
                      {"at_limit", AtLimit()},
                      {"limited", limited()},
                      {"result_limit", result_limit_},
                      {"window_messages", window_.messages()},
                      {"window_bytes", window_.bytes()},
                      {"pending_bytes", pending_.bytes()},
                      {"result_bytes", results_.bytes()},
                      {"effect_bytes", effects_.bytes()}});
  }

 private:
  static absl::string_view NameOf(Kind kind) {
    switch (kind) {
      case Kind::kAnonymous:
        return "anonymous";
      case Kind::kOpened:
        return "opened";
      case Kind::kStored:
        return "stored";
    }
    return "unknown";
  }
  // Why a client that has received so much does not find here what it lacks;
  // empty: it does.
  absl::string_view WhyNotResume(uint64_t received_through) const;
  // Begins to write again, from the first result that the client has not
  // received. What it has received of another server, and is not ready here,
  // will not be sent.
  void Resume(uint64_t received_through);
  absl::Status Check(const wire::MessageView& message) const;
  void CheckInvariants() const;
  void DropReceived();
  void LetGoOfTaken();
  bool Paused() const {
    return (!results_.empty() || reordered_bytes_ > 0) &&
           result_bytes() > result_limit_;
  }

  const Kind kind_;
  const SessionLimits limits_;
  size_t result_limit_;

  bool opened_ = false;
  uint64_t epoch_ = 0;
  uint64_t accepted_through_ = 0;
  uint64_t received_through_ = 0;
  uint64_t taken_through_ = 0;
  uint64_t runs_out_ = 0;
  bool input_closed_ = false;
  // Of a stored session.
  uint64_t committed_through_ = 0;
  uint64_t runs_committing_ = 0;

  // Messages beyond received_through (opened) or not taken yet (anonymous).
  wire::OutstandingWindow window_;
  wire::EntryLog pending_;
  wire::EntryLog::Cursor pending_cursor_;
  wire::EntryLog results_;
  wire::EntryLog::Cursor results_cursor_;
  // The next result that the store has not been given.
  wire::EntryLog::Cursor commit_cursor_;
  // Results that came back before those in front of them, by first position.
  std::map<uint64_t, wire::EntryLog> reordered_;
  size_t reordered_bytes_ = 0;
  // Of results, ready or reordered, that are not committed.
  SessionEffects effects_;

  struct Stamp {
    uint64_t through = 0;
    absl::Time accepted_at;
  };
  wire::Ring<Stamp> stamps_;
  uint64_t timed_through_ = 0;
};

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_H_
