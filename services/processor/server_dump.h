#ifndef MSGPROC_SERVICES_PROCESSOR_SERVER_DUMP_H_
#define MSGPROC_SERVICES_PROCESSOR_SERVER_DUMP_H_

#include <vector>

#include "common/state_dump.h"
#include "services/processor/registration/balancer_link.h"
#include "services/processor/server.h"

namespace msgproc::processor {

// What the machines of a processor hold that are no session's: whether it
// serves, its streams and sessions in sum, memory, workers, store, and where it
// is registered. `link` may be null. `leaving`: it has been told to stop. May
// wait, for a second a registration at most.
std::vector<StateDump> DumpOf(Server* server, const BalancerLink* link,
                              bool leaving);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SERVER_DUMP_H_
