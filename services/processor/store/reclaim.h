#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_RECLAIM_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_RECLAIM_H_

#include <cstdint>

#include "services/processor/executors/batch.h"
#include "services/processor/store/claim.h"
#include "services/processor/store/session_committer.h"

namespace msgproc::processor {

// What came of a claim made anew, of a client that has received so much, for
// those who have its messages. A session whose results are missing or broken is
// no more this process's than one that another has. Pure.
Reclaimed ReadReclaimed(const Claimed& claimed, uint64_t received_through);

// Makes the claim, which is `anew`. `done` is called once, when the store has
// answered, on a thread of the committer's; never if that stops first.
void ReclaimSession(SessionCommitter* committer, Claim claim, OnReclaimed done);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_RECLAIM_H_
