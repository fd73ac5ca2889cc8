#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_STORE_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/processor/store/session_store.h"
#include "services/processor/store/store_options.h"

namespace msgproc::processor {

// Sessions in PostgreSQL, for as many processes as like, each with connections
// of its own. `description`: the URL without its password. Errors as
// OpenSessionStore's.
absl::StatusOr<std::unique_ptr<SessionStore>> OpenPostgresStore(
    const std::string& description, const StoreOptions& options);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_STORE_H_
