#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_ERROR_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace msgproc::processor {

// What SQLite's extended result code is as one of StoreConnection's errors.
// `system_error`: errno of the call that failed, or 0. Pure.
absl::StatusCode ClassifySqlite(int code, int system_error);

// The same of a COMMIT: whether it took effect cannot be told after an I/O
// error, since its last frame may be in the file.
absl::StatusCode ClassifySqliteCommit(int code, int system_error);

// The same of a handler's statement, whose own mistakes are INVALID_ARGUMENT
// and ALREADY_EXISTS.
absl::StatusCode ClassifySqliteExecute(int code, int system_error);

// "sqlite: cannot DOING: what SQLite says (code)".
absl::Status SqliteStatus(absl::StatusCode status_code, int code,
                          absl::string_view message, absl::string_view doing);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_ERROR_H_
