#include "sqlite/error.h"

#include <sqlite3.h>

#include <cerrno>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "common/utf8.h"

namespace msgproc::sqlite {
namespace {

constexpr size_t kMostMessageBytes = 300;

}  // namespace

absl::StatusCode Classify(int code, int system_error) {
  switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return absl::StatusCode::kOk;
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_IOERR:
      // Quotas and limits of file sizes.
      return system_error == ENOSPC || system_error == EDQUOT ||
                     system_error == EFBIG
                 ? absl::StatusCode::kResourceExhausted
                 : absl::StatusCode::kUnavailable;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
      return system_error == EACCES || system_error == EROFS
                 ? absl::StatusCode::kPermissionDenied
                 : absl::StatusCode::kUnavailable;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return absl::StatusCode::kPermissionDenied;
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::StatusCode ClassifyCommit(int code, int system_error) {
  return (code & 0xff) == SQLITE_IOERR ? absl::StatusCode::kUnknown
                                       : Classify(code, system_error);
}

absl::StatusCode ClassifyExecute(int code, int system_error) {
  switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
      return code == SQLITE_CONSTRAINT_UNIQUE ||
                     code == SQLITE_CONSTRAINT_PRIMARYKEY ||
                     code == SQLITE_CONSTRAINT_ROWID
                 ? absl::StatusCode::kAlreadyExists
                 : absl::StatusCode::kFailedPrecondition;
    case SQLITE_ERROR:
    case SQLITE_AUTH:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
    case SQLITE_TOOBIG:
      return absl::StatusCode::kInvalidArgument;
    default:
      return Classify(code, system_error);
  }
}

absl::Status ErrorStatus(absl::StatusCode status_code, int code,
                         absl::string_view message, absl::string_view doing) {
  return absl::Status(
      status_code, absl::StrCat("sqlite: cannot ", doing, ": ",
                                TruncateUtf8(message, kMostMessageBytes), " (",
                                sqlite3_errstr(code), ", ", code, ")"));
}

}  // namespace msgproc::sqlite
