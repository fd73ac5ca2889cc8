#ifndef MSGPROC_TOOLS_CTL_TRACE_H_
#define MSGPROC_TOOLS_CTL_TRACE_H_

#include "absl/status/status.h"
#include "tools/ctl/admin_client.h"
#include "tools/ctl/command_line.h"

namespace msgproc::ctl {

// Prints what happens to a session, as it happens, for as long as `line` has
// it, or until the server does not hold it any more.
absl::Status Trace(const CommandLine& line, AdminClient* client);

}  // namespace msgproc::ctl

#endif  // MSGPROC_TOOLS_CTL_TRACE_H_
