#ifndef MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_VALUES_H_
#define MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_VALUES_H_

#include "absl/types/span.h"
#include "services/processor/handlers/transaction.h"
#include "sqlite/statement.h"

namespace msgproc::processor {

// Binds all of a statement's parameters, as many as it takes. SQLite reads text
// and bytes where they are, until Reset. SQLITE_OK or an error: one is too long
// for it.
int BindValues(absl::Span<const SqlValue> parameters,
               sqlite::Statement* statement);

// The row that the last step found.
SqlRow RowOf(const sqlite::Statement& statement);

}  // namespace msgproc::processor

#endif  // MSGPROC_SERVICES_PROCESSOR_STORE_SQLITE_VALUES_H_
