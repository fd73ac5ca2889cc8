#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_CLAIM_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_CLAIM_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace msgproc::processor {

// A process that takes a session for its own, because a client opens it: what
// it says of it. From then on only this process may commit to the session,
// until another one claims it. Every claim draws the next epoch, the fencing
// token (Kleppmann, "How to do distributed locking", 2016; Temporal's
// range_id).
struct Claim {
  std::string session_id;    // 1 to 128 bytes.
  std::string token_sha256;  // 32 bytes.
  std::string principal;     // As PrincipalKey makes it.
  std::string handler;       // For a session that is new.
  // What the client says in Open.
  uint64_t received_through = 0;
  bool resumes = false;
  std::string store_generation;
  uint64_t instance = 0;
  uint64_t attempt = 0;
  // The epoch of the claim that this process has of it; 0: none.
  uint64_t epoch = 0;
  // What this process knows to be committed of it, at that epoch. A store that
  // has less has lost commits: what the process has in memory counts no more.
  uint64_t committed_through = 0;
  // Draw a new epoch even if that still holds: a commit of this process may be
  // under way that nobody hears of any more.
  bool anew = false;
  // For the log, and no store's business: the trace of the stream that the
  // session has, or had last; empty: none.
  std::string trace_id;
};

// How often the messages of a session that have no results in its store may
// have been begun, over all the processes that had it. It is written when the
// session is claimed, when a worker dies and when a client leaves, not with
// each commit: what is committed beyond `behind` makes it void by itself.
struct Tries {
  // At most so often: once by each process that had the session since, the one
  // that has it now included, and once more for each worker that died. 0:
  // whoever had it had begun nothing when its client left.
  uint64_t begun = 1;
  // Workers that died over the first `behind` + 1 messages, as is known.
  uint64_t deaths = 0;
  // The count is of messages beyond this one.
  uint64_t behind = 0;

  friend bool operator==(const Tries&, const Tries&) = default;
};

// Results of messages `first` to `through` of a session, committed together.
struct Outcome {
  uint64_t first = 0;
  uint64_t through = 0;
  // Encoded as on the wire: entries of ProcessResponse.results.
  std::string results;
};

// What came of a claim.
struct Claimed {
  // PERMISSION_DENIED: another token or principal; FAILED_PRECONDITION: the
  // session has expired; DATA_LOSS: the store knows less than the client, or
  // what it knows is broken; ABORTED: a later Open of the same client was here
  // before, or, of a claim that is `anew`, somebody else has the session.
  // Nothing changed then.
  absl::Status status;
  // The session begins with this claim.
  bool created = false;
  // This process had it, at this epoch, and has it still: nothing was read.
  bool still_ours = false;
  uint64_t epoch = 0;
  std::string handler;
  // Everything up to here was received by the client, and its results are gone.
  uint64_t trimmed_through = 0;
  // Everything up to here is done, once and for all.
  uint64_t committed_through = 0;
  // As the store has it from now on: of what is not done, this process makes
  // try number `begun`, at most.
  Tries tries;
  // What the client has not received, in order, without gaps: from the one that
  // covers received_through + 1 up to committed_through.
  std::vector<Outcome> outcomes;
};

// What a store has of a session.
struct SessionRow {
  std::string token_sha256;
  std::string principal;
  std::string handler;
  uint64_t epoch = 0;
  // Of the process whose claim it is; random.
  std::string owner;
  uint64_t instance = 0;
  uint64_t attempt = 0;
  uint64_t trimmed_through = 0;
  uint64_t committed_through = 0;
  Tries tries;
  // Only its tombstone is left.
  bool expired = false;
};

// Epochs are from here on once a client has sent more than one Open before it
// was welcomed; else they begin at 1. One of those Opens may still be under
// way, at a server that stands still, and must not begin the session again once
// it is finished: something has to be left of it (decision 0019).
inline constexpr uint64_t kFirstEpochOfLaterOpen = uint64_t{1} << 40;
inline bool OpensMayBeUnderWay(uint64_t epoch) {
  return epoch >= kFirstEpochOfLaterOpen;
}

// Decides on a claim by process `owner` in the store of this generation. `row`:
// what the store has; null: nothing. On success the store writes epoch, owner
// and tries (and the row, if created) and reads the outcomes, in the same
// transaction. Pure.
Claimed JudgeClaim(const Claim& claim, const SessionRow* row,
                   absl::string_view owner, absl::string_view generation);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_CLAIM_H_
