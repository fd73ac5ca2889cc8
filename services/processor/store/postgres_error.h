#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_ERROR_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace msgproc::processor {

// What an SQLSTATE is as one of StoreConnection's errors. Empty: the connection
// was lost. Pure.
// https://www.postgresql.org/docs/15/errcodes-appendix.html
absl::StatusCode ClassifySqlstate(absl::string_view sqlstate);

// The same of a handler's statement, whose own mistakes are INVALID_ARGUMENT
// and ALREADY_EXISTS.
absl::StatusCode ClassifySqlstateOfExecute(absl::string_view sqlstate);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_ERROR_H_
