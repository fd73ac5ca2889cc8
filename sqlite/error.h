#ifndef MSGPROC_SQLITE_ERROR_H_
#define MSGPROC_SQLITE_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace msgproc::sqlite {

// What SQLite's extended result code is as a status code.
// `system_error`: errno of the call that failed, or 0. Pure.
absl::StatusCode Classify(int code, int system_error);

// The same of a COMMIT: whether it took effect cannot be told after an I/O
// error, since its last frame may be in the file.
absl::StatusCode ClassifyCommit(int code, int system_error);

// The same of a handler's statement, whose own mistakes are INVALID_ARGUMENT
// and ALREADY_EXISTS.
absl::StatusCode ClassifyExecute(int code, int system_error);

// "sqlite: cannot DOING: what SQLite says (code)".
absl::Status ErrorStatus(absl::StatusCode status_code, int code,
                         absl::string_view message, absl::string_view doing);

}  // namespace msgproc::sqlite

#endif  // MSGPROC_SQLITE_ERROR_H_
