#ifndef MSGPROC_SERVICES_BASE_STATE_MESSAGE_H_
#define MSGPROC_SERVICES_BASE_STATE_MESSAGE_H_

#include <vector>

#include "common/state_dump.h"
#include "msgproc/admin/v1/admin.pb.h"

namespace msgproc::base {

// What admin.proto has for state machines, in the same order.
void WriteDumps(const std::vector<StateDump>& dumps,
                admin::v1::DumpStateResponse* response);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_STATE_MESSAGE_H_
