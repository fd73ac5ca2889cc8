#include "services/processor/store/reclaim.h"

#include <utility>

#include "absl/status/statusor.h"
#include "common/check.h"
#include "services/base/log.h"
#include "services/processor/store/outcomes.h"
#include "wire/entry_log.h"

namespace msgproc::processor {

Reclaimed ReadReclaimed(const Claimed& claimed, uint64_t received_through) {
  if (!claimed.status.ok()) return Reclaimed();
  absl::StatusOr<wire::EntryLog> results = ReadOutcomes(
      claimed.outcomes, received_through, claimed.committed_through);
  if (!results.ok()) {
    base::LogError("what workers have committed cannot be read",
                   {{"why", results.status().message()}});
    return Reclaimed();
  }
  return {.ours = true,
          .epoch = claimed.epoch,
          .committed_through = claimed.committed_through,
          .results = *std::move(results)};
}

void ReclaimSession(SessionCommitter* committer, Claim claim,
                    OnReclaimed done) {
  MSGPROC_CHECK(claim.anew);
  const uint64_t received_through = claim.received_through;
  committer->ClaimSession(std::move(claim),
                          [received_through, done = std::move(done)](
                              const absl::StatusOr<Claimed>& claimed) {
                            // It is made until the store works, or the server
                            // stops.
                            if (claimed.ok())
                              done(ReadReclaimed(*claimed, received_through));
                          });
}

}  // namespace msgproc::processor
