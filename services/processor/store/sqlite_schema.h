#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_SCHEMA_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_SCHEMA_H_

#include <string>

#include "absl/status/statusor.h"
#include "services/processor/store/sqlite_database.h"

namespace msgproc::processor {

// Makes the store's tables, or brings them to this binary's version, and
// returns the store's generation. FAILED_PRECONDITION: they are of a later
// version.
absl::StatusOr<std::string> PrepareSqliteSchema(SqliteDatabase* database,
                                                bool renew_generation);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_SCHEMA_H_
