#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_WRITES_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_WRITES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/processor/store/postgres_connection.h"
#include "services/processor/store/session_store.h"

namespace msgproc::processor {

// StoreConnection::Write in PostgreSQL, by process `owner`, in the transaction
// that is open; after an error it is the caller's to roll back.
absl::StatusOr<std::vector<bool>> WriteSessions(
    PostgresConnection* connection, const std::string& owner,
    absl::Span<const SessionWrite> writes);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_WRITES_H_
