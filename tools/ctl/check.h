#ifndef MSGPROC_TOOLS_CTL_CHECK_H_
#define MSGPROC_TOOLS_CTL_CHECK_H_

#include <string>

#include "tools/ctl/admin_client.h"
#include "tools/ctl/findings.h"

namespace msgproc::ctl {

// Asks one server for what Judge wants to know.
Answer Ask(AdminClient* client);

}  // namespace msgproc::ctl

#endif  // MSGPROC_TOOLS_CTL_CHECK_H_
