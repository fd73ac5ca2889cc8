#include "services/processor/store/reclaim.h"

#include <utility>

#include "absl/status/statusor.h"
#include "common/check.h"
#include "services/base/log.h"
#include "services/processor/store/outcomes.h"
#include "wire/entry_log.h"

namespace msgproc::processor {

Reclaimed ReadReclaimed(const Claimed& claimed, const Claim& claim) {
  if (!claimed.status.ok()) return Reclaimed();
  absl::StatusOr<wire::EntryLog> results = ReadOutcomes(
      claimed.outcomes, claim.received_through, claimed.committed_through);
  if (!results.ok()) {
    base::LogError("what workers have committed cannot be read",
                   {{"session", claim.session_id},
                    {"trace_id", claim.trace_id},
                    {"why", results.status().message()}});
    return Reclaimed();
  }
  return {.ours = true,
          .epoch = claimed.epoch,
          .committed_through = claimed.committed_through,
          .results = *std::move(results)};
}

void ReclaimSession(SessionCommitter* committer, const Claim& claim,
                    OnReclaimed done) {
  MSGPROC_CHECK(claim.anew);
  committer->ClaimSession(claim, [claim, done = std::move(done)](
                                     const absl::StatusOr<Claimed>& claimed) {
    // It is made until the store works, or the server stops.
    if (claimed.ok()) done(ReadReclaimed(*claimed, claim));
  });
}

}  // namespace msgproc::processor
