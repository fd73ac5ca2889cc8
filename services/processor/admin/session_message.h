#ifndef MSGPROC_SERVICES_PROCESSOR_ADMIN_SESSION_MESSAGE_H_
#define MSGPROC_SERVICES_PROCESSOR_ADMIN_SESSION_MESSAGE_H_

#include "msgproc/admin/v1/admin.pb.h"
#include "services/processor/session/session_facts.h"

namespace msgproc::processor {

// What admin.proto has for what the processor has.

admin::v1::Stage StageMessage(SessionStage stage);
void WriteSession(const SessionFacts& facts, admin::v1::Session* session);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_ADMIN_SESSION_MESSAGE_H_
