#include "services/processor/store/claim.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "common/check.h"

namespace msgproc::processor {
namespace {

// Why the client knows more of the session than the store; empty: it does not.
std::string WhatIsLost(const Claim& claim, const SessionRow* row,
                       absl::string_view generation) {
  if (!claim.store_generation.empty() && claim.store_generation != generation) {
    return absl::StrCat("the client knows it from store '",
                        claim.store_generation, "', and this one is '",
                        generation, "'");
  }
  if (row == nullptr) {
    if (claim.resumes) return "the store does not have it any more";
    if (claim.received_through == 0) return "";
    return absl::StrCat("the client has received results up to ",
                        claim.received_through,
                        ", and the store does not have it");
  }
  if (claim.received_through <= row->committed_through) return "";
  return absl::StrCat("the client has received results up to ",
                      claim.received_through, ", and the store has them up to ",
                      row->committed_through);
}

// No process has written a row like that: a disk has, or somebody by hand.
bool IsBroken(const SessionRow& row) {
  // As far as a store counts. The next one must be there, too.
  constexpr uint64_t kMost = INT64_MAX;
  return row.epoch == 0 || row.epoch >= kMost ||
         row.committed_through >= kMost ||
         row.trimmed_through > row.committed_through;
}

// The least epoch that a session has which this claim opens.
uint64_t FirstEpoch(const Claim& claim) {
  return claim.attempt > 1 && !claim.resumes ? kFirstEpochOfLaterOpen : 1;
}

// The tries of what is not committed, with those that begin now.
Tries CountTries(const Claim& claim, const SessionRow& row, bool still_ours) {
  Tries tries = row.tries;
  if (tries.behind < row.committed_through) {
    // Of what followed, whoever committed that may have begun anything, once.
    tries = {.begun = 1, .deaths = 0, .behind = row.committed_through};
  }
  // Anew: the same process goes on with the same tries.
  if (claim.anew) return tries;
  tries.begun =
      still_ours ? std::max<uint64_t>(tries.begun, 1) : tries.begun + 1;
  return tries;
}

// The session is somebody else's, or somebody else was quicker.
absl::Status CheckOwner(const Claim& claim, const SessionRow& row,
                        absl::string_view owner) {
  if (claim.principal != row.principal) {
    return absl::PermissionDeniedError(
        absl::StrCat("Session '", claim.session_id,
                     "' was opened by another principal than this client's."));
  }
  // Digests: how long the comparison takes tells nothing of the token.
  if (claim.token_sha256 != row.token_sha256) {
    return absl::PermissionDeniedError(
        absl::StrCat("The session_token is not the one that session '",
                     claim.session_id, "' was opened with."));
  }
  if (claim.instance != 0 && claim.instance == row.instance &&
      claim.attempt != 0 && claim.attempt < row.attempt) {
    return absl::AbortedError(absl::StrCat(
        "This Open, attempt ", claim.attempt, " of its client, came after ",
        "attempt ", row.attempt, ", which has the session."));
  }
  if (claim.anew && (claim.epoch != row.epoch || row.owner != owner)) {
    return absl::AbortedError(
        absl::StrCat("Another process has session '", claim.session_id, "'."));
  }
  return absl::OkStatus();
}

}  // namespace

Claimed JudgeClaim(const Claim& claim, const SessionRow* row,
                   absl::string_view owner, absl::string_view generation) {
  MSGPROC_CHECK(!claim.session_id.empty());
  MSGPROC_CHECK(!owner.empty());
  MSGPROC_CHECK(!generation.empty());
  Claimed claimed;
  if (row != nullptr) {
    claimed.status = CheckOwner(claim, *row, owner);
    if (claimed.status.ok() && IsBroken(*row)) {
      claimed.status = absl::DataLossError(
          absl::StrCat("What the store has of session '", claim.session_id,
                       "' is broken: epoch ", row->epoch, ", results up to ",
                       row->committed_through, ", of which up to ",
                       row->trimmed_through, " were received."));
    }
    if (!claimed.status.ok()) return claimed;
  }
  if (const std::string lost = WhatIsLost(claim, row, generation);
      !lost.empty()) {
    claimed.status = absl::DataLossError(absl::StrCat(
        "Session '", claim.session_id, "' was lost: ", lost,
        ". Which of its messages were processed cannot be told; nothing is "
        "sent again by itself."));
    return claimed;
  }
  if (row == nullptr && claim.anew) {
    claimed.status = absl::AbortedError(
        absl::StrCat("Session '", claim.session_id, "' is gone."));
    return claimed;
  }
  if (row == nullptr) {
    claimed.created = true;
    claimed.epoch = FirstEpoch(claim);
    claimed.handler = claim.handler;
    return claimed;
  }
  if (row->expired || claim.received_through < row->trimmed_through) {
    claimed.status = absl::FailedPreconditionError(absl::StrCat(
        "Session '", claim.session_id, "' ",
        row->expired ? "has expired" : "is further than its client",
        ": messages up to ", row->committed_through,
        " were processed, and results up to ",
        row->expired ? row->committed_through : row->trimmed_through,
        " are no longer kept. They will not be processed again."));
    return claimed;
  }
  claimed.handler = row->handler;
  claimed.trimmed_through = row->trimmed_through;
  claimed.committed_through = row->committed_through;
  claimed.still_ours = !claim.anew && claim.epoch != 0 &&
                       claim.epoch == row->epoch && row->owner == owner &&
                       claim.committed_through <= row->committed_through &&
                       row->epoch >= FirstEpoch(claim);
  claimed.epoch = claimed.still_ours
                      ? row->epoch
                      : std::max(row->epoch + 1, FirstEpoch(claim));
  claimed.tries = CountTries(claim, *row, claimed.still_ours);
  return claimed;
}

}  // namespace msgproc::processor
