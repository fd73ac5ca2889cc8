#ifndef MSGPROC_TOOLS_CTL_SERVER_TEXT_H_
#define MSGPROC_TOOLS_CTL_SERVER_TEXT_H_

#include <string>

#include "msgproc/admin/v1/admin.pb.h"
#include "msgproc/v1/balancer.pb.h"

namespace msgproc::ctl {

// What msgproc prints of servers, as text.h has it for sessions.

// "serving", "cordoned", ...
std::string StateName(const v1::ServerStatus& status);

// Of a processor or a balancer.
std::string StatusText(const admin::v1::GetStatusResponse& status);

// A line a server, with the header.
std::string ServerLines(const admin::v1::ListServersResponse& servers);

// What came of a cordon, or of its end.
std::string CordonText(bool cordoned, const admin::v1::SetCordonResponse& done);

}  // namespace msgproc::ctl

#endif  // MSGPROC_TOOLS_CTL_SERVER_TEXT_H_
