#ifndef MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_VIEW_H_
#define MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_VIEW_H_

#include <vector>

#include "common/state_dump.h"
#include "services/processor/session/hosted_session.h"
#include "services/processor/session/session_facts.h"

namespace msgproc::processor {

// A session that lives, as operators see it. On any thread, without a lock
// held; nothing of it is made before somebody looks.

SessionFacts FactsOf(const HostedSession& session);

// What each machine holds that has a part in it, for whoever debugs: in the
// order in which a message meets them. Each takes its own lock, one after the
// other, so that a machine may be a moment ahead of the one in front of it.
std::vector<StateDump> DumpOf(const HostedSession& session);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_SESSION_SESSION_VIEW_H_
