#ifndef MSGPROC_SERVICES_PROCESSOR_ADMIN_SELECT_WORKERS_H_
#define MSGPROC_SERVICES_PROCESSOR_ADMIN_SELECT_WORKERS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "msgproc/admin/v1/admin.pb.h"
#include "services/processor/workers/worker_facts.h"

namespace msgproc::processor {

// What ListWorkers answers, as admin.proto says, of `all`, which is in its
// order; without `slots` and `waiting_messages`. A page begins behind the last
// worker of the page before, whether that is still there or not.
// INVALID_ARGUMENT: a page token that no answer had.
absl::StatusOr<admin::v1::ListWorkersResponse> SelectWorkers(
    const admin::v1::ListWorkersRequest& request,
    const std::vector<WorkerFacts>& all, absl::Time now);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_ADMIN_SELECT_WORKERS_H_
