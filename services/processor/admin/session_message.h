#ifndef MSGPROC_SERVICES_PROCESSOR_ADMIN_SESSION_MESSAGE_H_
#define MSGPROC_SERVICES_PROCESSOR_ADMIN_SESSION_MESSAGE_H_

#include <cstdint>

#include "absl/time/time.h"
#include "msgproc/admin/v1/admin.pb.h"
#include "services/processor/session/session_facts.h"

namespace msgproc::processor {

// What admin.proto has for what the processor has.

admin::v1::Stage StageMessage(SessionStage stage);
// `now`: the date at which the facts were so.
void WriteSession(const SessionFacts& facts, absl::Time now,
                  admin::v1::Session* session);
// The oldest message that has no result, which either waits for its handler or
// is with that worker; 0: in this process. Where the client waits for it, the
// session's stage says so, too.
void WriteUnanswered(const SessionFacts& facts, bool waiting,
                     int64_t worker_pid, admin::v1::Session* session);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_ADMIN_SESSION_MESSAGE_H_
