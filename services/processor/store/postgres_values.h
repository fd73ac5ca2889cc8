#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_VALUES_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_VALUES_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/processor/handlers/transaction.h"
#include "services/processor/store/postgres_connection.h"

namespace msgproc::processor {

// A handler's parameters. All but bytes go as text without a type, and become
// what the statement wants there (as in psql, and in most drivers).
// INVALID_ARGUMENT: text with a NUL, which PostgreSQL does not have.
absl::StatusOr<PostgresParameters> ToPostgres(
    absl::Span<const SqlValue> parameters);

// The rows of a result in text form.
std::vector<SqlRow> FromPostgres(const PostgresResult& result);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_POSTGRES_VALUES_H_
