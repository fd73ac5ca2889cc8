#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_HANDLER_STATEMENT_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_HANDLER_STATEMENT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace msgproc::processor {

// The keywords and names of a statement, in lower case and in order, without
// what is in comments and in strings. Pure.
std::vector<std::string> WordsOf(absl::string_view sql);

// Whether a handler may execute the statement in PostgreSQL, as far as its text
// tells: it must neither end the transaction, nor change the session's
// settings, nor use what outlives the transaction or is not undone with it, nor
// the store's own tables. INVALID_ARGUMENT says why not. A guard against
// mistakes, not against attacks. Pure.
absl::Status CheckPostgresStatement(absl::string_view sql);

// What SQLite's authorizer does not see: a conflict that ends the transaction.
absl::Status CheckSqliteStatement(absl::string_view sql);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_HANDLER_STATEMENT_H_
