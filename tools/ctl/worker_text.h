#ifndef MSGPROC_TOOLS_CTL_WORKER_TEXT_H_
#define MSGPROC_TOOLS_CTL_WORKER_TEXT_H_

#include <string>

#include "msgproc/admin/v1/admin.pb.h"

namespace msgproc::ctl {

// A line a worker, with the header, and what is true of all of them; or that
// there are none.
std::string WorkerLines(const admin::v1::ListWorkersResponse& workers);

}  // namespace msgproc::ctl

#endif  // MSGPROC_TOOLS_CTL_WORKER_TEXT_H_
