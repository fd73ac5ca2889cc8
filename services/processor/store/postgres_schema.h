#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_SCHEMA_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_SCHEMA_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/processor/store/postgres_connection.h"

namespace msgproc::processor {

// Makes the store's tables where the connection's search_path leads, or brings
// them to this binary's version, and returns the store's generation. Several
// processes may do so at once. An account that may not create tables will do
// where they are there. FAILED_PRECONDITION: they are of a later version.
absl::StatusOr<std::string> PreparePostgresSchema(
    PostgresConnection* connection, bool renew_generation);

// Whether the server takes commits, and keeps them: FAILED_PRECONDITION: it is
// set up to lose them; UNAVAILABLE: it is a standby.
absl::Status CheckPostgresServer(PostgresConnection* connection);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_SCHEMA_H_
