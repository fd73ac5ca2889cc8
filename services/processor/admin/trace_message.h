#ifndef MSGPROC_SERVICES_PROCESSOR_ADMIN_TRACE_MESSAGE_H_
#define MSGPROC_SERVICES_PROCESSOR_ADMIN_TRACE_MESSAGE_H_

#include "msgproc/admin/v1/admin.pb.h"
#include "services/processor/admin/watched_sessions.h"

namespace msgproc::processor {

// What admin.proto has for events of a session.
void WriteTrace(const WatchedSessions::Page& page,
                admin::v1::TraceSessionResponse* response);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_ADMIN_TRACE_MESSAGE_H_
