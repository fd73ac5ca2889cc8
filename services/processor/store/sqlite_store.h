#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_STORE_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_STORE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "services/processor/store/session_store.h"
#include "services/processor/store/sqlite_database.h"
#include "services/processor/store/store_options.h"

namespace msgproc::processor {

// Sessions in a file of SQLite's, which no other process has open: a lock file
// beside it says whose it is. File and directory are made if they are not
// there, for nobody else to read. Errors as OpenSessionStore's.
absl::StatusOr<std::unique_ptr<SessionStore>> OpenSqliteStore(
    const SqliteDatabase::Options& file, const StoreOptions& options);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_STORE_H_
