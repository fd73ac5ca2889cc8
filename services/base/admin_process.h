#ifndef MSGPROC_SERVICES_BASE_ADMIN_PROCESS_H_
#define MSGPROC_SERVICES_BASE_ADMIN_PROCESS_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "msgproc/admin/v1/admin.pb.h"
#include "services/base/vitals_meter.h"

namespace msgproc::base {

// What the service Admin of either server says of its process, and does to it.

// Writes what GetStatus says of every server. `begun`: by Clock::Monotonic.
void WriteProcessStatus(admin::v1::ServerKind kind, absl::Time begun,
                        VitalsMeter* vitals,
                        admin::v1::GetStatusResponse* status);

// Logs from that level on. INVALID_ARGUMENT: there is no such level; NOT_FOUND:
// it is to be a session's.
absl::Status ChangeLogLevel(const admin::v1::SetLogLevelRequest& request,
                            admin::v1::SetLogLevelResponse* response);

}  // namespace msgproc::base

#endif  // MSGPROC_SERVICES_BASE_ADMIN_PROCESS_H_
