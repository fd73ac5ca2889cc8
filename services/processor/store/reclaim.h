#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_RECLAIM_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_RECLAIM_H_

#include "services/processor/executors/batch.h"
#include "services/processor/store/claim.h"
#include "services/processor/store/session_committer.h"

namespace msgproc::processor {

// What came of a claim made anew, for those who have the session's messages. A
// session whose results are missing or broken is no more this process's than
// one that another has. Pure, but for the log.
Reclaimed ReadReclaimed(const Claimed& claimed, const Claim& claim);

// Makes the claim, which is `anew`. `done` is called once, when the store has
// answered, on a thread of the committer's; never if that stops first.
void ReclaimSession(SessionCommitter* committer, const Claim& claim,
                    OnReclaimed done);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_RECLAIM_H_
