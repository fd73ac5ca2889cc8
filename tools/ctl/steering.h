#ifndef MSGPROC_TOOLS_CTL_STEERING_H_
#define MSGPROC_TOOLS_CTL_STEERING_H_

#include "absl/status/status.h"
#include "tools/ctl/admin_client.h"
#include "tools/ctl/command_line.h"

namespace msgproc::ctl {

// Cordons, uncordons or drains, as `line` has it, the processor that `client`
// talks to, or the one of a balancer's that it names; says on standard output
// how that goes. Errors say what to do.
absl::Status Steer(const CommandLine& line, AdminClient* client);

}  // namespace msgproc::ctl

#endif  // MSGPROC_TOOLS_CTL_STEERING_H_
