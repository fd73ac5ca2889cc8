#ifndef MSGPROC_TOOLS_CTL_DUMP_TEXT_H_
#define MSGPROC_TOOLS_CTL_DUMP_TEXT_H_

#include <string>

#include "msgproc/admin/v1/admin.pb.h"

namespace msgproc::ctl {

// What `dump` prints for people: each machine's name, and below it a line a
// field.
std::string DumpLines(const admin::v1::DumpStateResponse& dump);

}  // namespace msgproc::ctl

#endif  // MSGPROC_TOOLS_CTL_DUMP_TEXT_H_
