#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_OPEN_STORE_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_OPEN_STORE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "services/processor/store/session_store.h"
#include "services/processor/store/store_options.h"

namespace msgproc::processor {

// Opens the store, and makes it if it is not there yet. Blocks. The error says
// what is wrong and what to do: INVALID_ARGUMENT, of the options;
// FAILED_PRECONDITION, the store is not fit (in use by another process, of a
// later version, of settings that lose what is committed); PERMISSION_DENIED;
// UNAVAILABLE, it cannot be reached and may be tried again.
absl::StatusOr<std::unique_ptr<SessionStore>> OpenSessionStore(
    const StoreOptions& options);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_OPEN_STORE_H_
